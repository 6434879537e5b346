// Command kube-apiserver is Kubernetes' own API server: its module cannot be installed by name, because it takes the
// rest of Kubernetes from its own tree.
package main

import (
	"os"
	_ "time/tzdata" // time zones of CronJobs, on machines without them

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
