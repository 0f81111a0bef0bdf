// etcd runs the upstream etcd server.
//
// Upstream's main package lives in a module that replaces its siblings by
// relative paths, so it cannot be built from the module proxy; its whole body
// is this call.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
