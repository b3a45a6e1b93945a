// Command vcsim runs govmomi's vCenter simulator for the contract tests.
//
// The first line of standard input is the configuration, one JSON object; the first line of
// standard output answers with {"url": ...}. Each further line of input is a command, and each is
// answered by one line. The process ends when its input does, so none outlives its test.
//
// Mode "stock" is the simulator as it comes. Mode "broker" adds HostSystem.AcquireCimServicesTicket
// and corrects what the simulator does otherwise than a vCenter: effective privileges, the merge of
// SetEntityPermissions, role ids, system roles, who may grant what. Reading properties is open to
// every session in both modes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
)

type configuration struct {
	Mode            string `json:"mode"`
	Certificate     string `json:"certificate"`
	Key             string `json:"key"`
	Clusters        int    `json:"clusters"`
	HostsPerCluster int    `json:"hosts_per_cluster"`
	StandaloneHosts int    `json:"standalone_hosts"`
	SessionTimeout  string `json:"session_timeout"`
	Users           []user `json:"users"`
}

func main() {
	log.SetOutput(os.Stderr)
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(input io.Reader, output io.Writer) error {
	lines := bufio.NewScanner(input)
	answers := json.NewEncoder(output)
	if !lines.Scan() {
		return fmt.Errorf("the first line of input must be the configuration")
	}
	var config configuration
	if err := json.Unmarshal(lines.Bytes(), &config); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	running, err := start(config)
	if err != nil {
		return err
	}
	defer running.model.Remove()
	if err := answers.Encode(map[string]string{"url": running.server.URL.Scheme + "://" + running.server.URL.Host + "/sdk"}); err != nil {
		return err
	}
	for lines.Scan() {
		if err := answers.Encode(running.obey(lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}
