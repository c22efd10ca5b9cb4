// SPDX-License-Identifier: Apache-2.0

// Command coredns is CoreDNS with only the plugins that a test cluster's DNS
// needs, which builds in a fraction of the time of the whole.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
)

func init() {
	// The server's own list names every plugin of the full program and is
	// matched in order; one that is listed and not compiled in is an error
	// only when a Corefile uses it.
	dnsserver.Directives = []string{"bind", "ready", "log", "errors", "kubernetes", "forward"}
}

func main() {
	coremain.Run()
}
