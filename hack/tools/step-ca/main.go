// SPDX-License-Identifier: Apache-2.0

// Command step-ca is smallstep's CA as far as the tests need it: keys in
// files, ACME, and none of the clouds and security modules of the full program.
package main

import (
	"context"
	"flag"
	"log"
	"net"

	"github.com/smallstep/certificates/acme"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"

	_ "github.com/smallstep/certificates/cas/softcas"
	_ "go.step.sm/crypto/kms/softkms"
)

func main() {
	file := flag.String("config", "ca.json", "the configuration file")
	resolver := flag.String("resolver", "", "host:port of the DNS server for validations")
	flag.IntVar(&acme.InsecurePortHTTP01, "http-port", 80, "port of HTTP-01 validations")
	flag.IntVar(&acme.InsecurePortTLSALPN01, "tls-port", 443, "port of TLS-ALPN-01 validations")
	flag.Parse()
	if *resolver != "" {
		net.DefaultResolver.PreferGo = true
		net.DefaultResolver.Dial = func(_ context.Context, network, _ string) (net.Conn, error) {
			return net.Dial(network, *resolver)
		}
	}
	settings, err := config.LoadConfiguration(*file)
	if err != nil {
		log.Fatal(err)
	}
	server, err := ca.New(settings, ca.WithConfigFile(*file), ca.WithQuiet(true))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Run())
}
