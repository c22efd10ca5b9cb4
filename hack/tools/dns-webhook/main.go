// SPDX-License-Identifier: Apache-2.0

// Command dns-webhook is a DNS-01 webhook as vendors write them, on the library that all of theirs are made of. Its
// solver "powerdns" keeps the values in PowerDNS; config: {"url": ..., "apiKeySecretRef": {"name": ..., "key": ...}}.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

type config struct {
	URL    string `json:"url"`
	Secret struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"apiKeySecretRef"`
}

type record struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

type rrset struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	TTL        int      `json:"ttl"`
	ChangeType string   `json:"changetype,omitempty"`
	Records    []record `json:"records"`
}

type zone struct {
	RRsets []rrset `json:"rrsets"`
}

type solver struct{ client kubernetes.Interface }

func main() { cmd.RunWebhookServer(os.Getenv("GROUP_NAME"), &solver{}) }

func (s *solver) Name() string { return "powerdns" }

func (s *solver) Initialize(client *rest.Config, _ <-chan struct{}) (err error) {
	s.client, err = kubernetes.NewForConfig(client)
	return err
}

func (s *solver) Present(c *v1alpha1.ChallengeRequest) error { return s.change(c, true) }
func (s *solver) CleanUp(c *v1alpha1.ChallengeRequest) error { return s.change(c, false) }

// change leaves the other values of the name as they are.
func (s *solver) change(c *v1alpha1.ChallengeRequest, present bool) error {
	if c.Config == nil {
		return fmt.Errorf("config is missing")
	}
	var cfg config
	if err := json.Unmarshal(c.Config.Raw, &cfg); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	secret, err := s.client.CoreV1().Secrets(c.ResourceNamespace).Get(context.Background(), cfg.Secret.Name,
		metav1.GetOptions{})
	if err != nil {
		return err
	}
	key := string(secret.Data[cfg.Secret.Key])
	url := cfg.URL + "/api/v1/servers/localhost/zones/" + c.ResolvedZone
	var now zone
	if err := call("GET", url, key, nil, &now); err != nil {
		return err
	}
	wanted := rrset{Name: c.ResolvedFQDN, Type: "TXT", TTL: 60, ChangeType: "REPLACE", Records: []record{}}
	own := `"` + c.Key + `"`
	for _, set := range now.RRsets {
		if set.Name != wanted.Name || set.Type != wanted.Type {
			continue
		}
		for _, r := range set.Records {
			if r.Content != own {
				wanted.Records = append(wanted.Records, r)
			}
		}
	}
	if present {
		wanted.Records = append(wanted.Records, record{Content: own})
	}
	return call("PATCH", url, key, zone{RRsets: []rrset{wanted}}, nil)
}

func call(method, url, key string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
