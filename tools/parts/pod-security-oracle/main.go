// Command pod-security-oracle says what Kubernetes' own Pod Security library makes of pods. It reads one question a line
// as JSON from standard input and answers each with a line; the tests compare the answers with ours.
//
//	{"pod":{...},"asked":["restricted:v1.25"]}  ->  [{"allowed":false,"reasons":[...],"details":[...]}]
//	{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}  ->  {"enforce":"baseline:latest","warn":...,"audit":...}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"
)

const version = "v0.37.2" // of k8s.io/pod-security-admission; the same as in go.mod and tools/versions.json

type question struct {
	Pod    json.RawMessage   `json:"pod"`
	Asked  []string          `json:"asked"` // LEVEL:VERSION each
	Labels map[string]string `json:"labels"`
}

type verdict struct {
	Allowed bool     `json:"allowed"`
	Reasons []string `json:"reasons"`
	Details []string `json:"details"`
}

type modes struct {
	Enforce string `json:"enforce"`
	Warn    string `json:"warn"`
	Audit   string `json:"audit"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("pod-security-oracle", version)
		return
	}
	if len(os.Args) != 1 {
		log.Fatal("usage: pod-security-oracle < QUESTIONS, or pod-security-oracle -version")
	}
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func answerAll(in io.Reader, out io.Writer) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	defer buffered.Flush()
	answers := json.NewEncoder(buffered)
	for questions := json.NewDecoder(bufio.NewReader(in)); questions.More(); {
		var asked question
		if err := questions.Decode(&asked); err != nil {
			return err
		}
		said, err := answer(evaluator, asked)
		if err != nil {
			return err
		}
		if err := answers.Encode(said); err != nil {
			return err
		}
	}
	return nil
}

func answer(evaluator policy.Evaluator, asked question) (any, error) {
	if asked.Labels != nil {
		return modesOf(asked.Labels), nil
	}
	// The pod is read as the API server reads it: names of fields in their exact case.
	var pod corev1.Pod
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asked.Pod, &pod); err != nil {
		return nil, err
	}
	verdicts := make([]verdict, 0, len(asked.Asked))
	for _, text := range asked.Asked {
		edition, err := levelVersion(text)
		if err != nil {
			return nil, err
		}
		found := policy.AggregateCheckResults(evaluator.EvaluatePod(edition, &pod.ObjectMeta, &pod.Spec))
		verdicts = append(verdicts, verdict{found.Allowed, found.ForbiddenReasons, found.ForbiddenDetails})
	}
	return verdicts, nil
}

func levelVersion(text string) (api.LevelVersion, error) {
	first, second, _ := strings.Cut(text, ":")
	level, err := api.ParseLevel(first)
	if err != nil {
		return api.LevelVersion{}, err
	}
	edition, err := api.ParseVersion(second)
	return api.LevelVersion{Level: level, Version: edition}, err
}

// What is wrong with a label is no error: the library says what it falls back to.
func modesOf(labels map[string]string) modes {
	nothing := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
	found, _ := api.PolicyToEvaluate(labels, api.Policy{Enforce: nothing, Warn: nothing, Audit: nothing})
	return modes{found.Enforce.String(), found.Warn.String(), found.Audit.String()}
}
