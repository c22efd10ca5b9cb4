module certroll.dev/hack/tools/gateway-api

go 1.25.0

toolchain go1.26.8

// Only data of it is used: the CustomResourceDefinitions.
require sigs.k8s.io/gateway-api v1.5.1
