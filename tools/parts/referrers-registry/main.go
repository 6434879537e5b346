// Command referrers-registry serves go-containerregistry's in-memory registry with the OCI 1.1 referrers API, which
// that project's own command leaves off. For tests: nothing is kept, nothing is authenticated.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

const version = "v0.22.1" // of go-containerregistry; the same as in go.mod and tools/versions.json

func main() {
	address := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 chooses a free one")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println("referrers-registry", version)
		return
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("serving on", listener.Addr())
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler:           registry.New(registry.WithReferrersSupport(true)),
	}
	log.Fatal(server.Serve(listener))
}
