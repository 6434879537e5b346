// Command bolt-write makes a bbolt file from JSON on standard input: objects are buckets, strings are values. Trivy's
// vulnerability database is such a file; tests make one with the advisories they need.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	bolt "go.etcd.io/bbolt"
)

const version = "v1.4.3" // of bbolt; the same as in go.mod and tools/versions.json

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: bolt-write FILE < JSON, or bolt-write -version")
	}
	if os.Args[1] == "-version" {
		fmt.Println("bolt-write", version)
		return
	}
	var buckets map[string]map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&buckets); err != nil {
		log.Fatal(err)
	}
	if err := write(os.Args[1], buckets); err != nil {
		log.Fatal(err)
	}
}

func write(file string, buckets map[string]map[string]any) error {
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bolt.Tx) error {
		for name, entries := range buckets {
			bucket, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if err := fill(bucket, entries); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

func fill(bucket *bolt.Bucket, entries map[string]any) error {
	for name, entry := range entries {
		switch value := entry.(type) {
		case string:
			if err := bucket.Put([]byte(name), []byte(value)); err != nil {
				return err
			}
		case map[string]any:
			child, err := bucket.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if err := fill(child, value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s: expected a string or an object", name)
		}
	}
	return nil
}
