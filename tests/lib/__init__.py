# SPDX-License-Identifier: Apache-2.0
"""What the tests on a real API server share, for tests/component and tests/e2e:

wait.py        wait_for(what, probe): poll, and say what was there instead when it never came
api.py         Api: objects by kind over http.client; describe(): a namespace's objects in words, for failures
cluster.py     Cluster: hack/cluster on a folder of its own; service_account(): a user bound to the rendered roles
controller.py  Controller: one build/certroll process: start, ready, signals, metrics, memory, logs
audit.py       Audit: who wrote what, from the API server's audit log
ca/            real CAs that a test starts with settings of its own: Pebble, Debian's Pebble, step-ca, acme2certifier
pebble.py      Pebble, Dns: the cluster's ACME server and its DNS server
http01.py      Responder: stands in for ingress controller, gateway and solver pods where no pods run
ports.py       free_port(): each time another
proxy.py       Proxy: between the controller and a server; sees each request, can hold, fail, change or cut it
faults.py      what such a proxy can do to a CA's answers, and at which of them
tls.py         Leaf: what openssl says of a certificate
objects.py     Certificate, Issuer ... bodies
release.py     Release: certroll by its Helm chart, its pods, its lease
workloads.py   Deployments and so on that use a Secret, and the state of their pods
serving.py     clients of those: the serial that is served, Traffic: requests without end
recorder.py    Recorder: every version of short-lived objects
"""
