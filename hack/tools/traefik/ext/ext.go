// SPDX-License-Identifier: Apache-2.0

// Package ext stands for a module that is nested in Traefik's repository and not in its module: what others add to
// its dynamic configuration, which is nothing here.
package ext

// HTTP is embedded in the configuration of HTTP.
type HTTP struct{}

// Router is embedded in each router.
type Router struct{}
