// operator_types reads a stream of Kubernetes objects from standard input, and holds those of the Prometheus operator to the
// operator's own Go types: an unknown field or a value of the wrong type is an error.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

func kinds() map[string]any {
	return map[string]any{
		"monitoring.coreos.com/v1/Probe":              &monitoringv1.Probe{},
		"monitoring.coreos.com/v1/PrometheusRule":     &monitoringv1.PrometheusRule{},
		"monitoring.coreos.com/v1/ServiceMonitor":     &monitoringv1.ServiceMonitor{},
		"monitoring.coreos.com/v1alpha1/ScrapeConfig": &monitoringv1alpha1.ScrapeConfig{},
	}
}

func check(document []byte) error {
	var head object
	if err := strict.Unmarshal(document, &head); err != nil {
		return err
	}
	kind := head.APIVersion + "/" + head.Kind
	if !bytes.HasPrefix([]byte(head.APIVersion), []byte("monitoring.coreos.com/")) {
		return nil
	}
	into, known := kinds()[kind]
	if !known {
		return fmt.Errorf("%s: no such kind here", kind)
	}
	if err := strict.UnmarshalStrict(document, into); err != nil {
		return fmt.Errorf("%s %s: %w", kind, head.Metadata.Name, err)
	}
	fmt.Println("ok", kind, head.Metadata.Name)
	return nil
}

func run() error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(input)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := check(document); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
