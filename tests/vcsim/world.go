package main

import (
	"crypto/tls"
	"fmt"
	"net/url"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// world is one running simulator and what it keeps beside its inventory.
type world struct {
	model  *simulator.Model
	server *simulator.Server
	people *people
	calls  *callCounter
	office *ticketOffice
}

func start(config configuration) (*world, error) {
	model := simulator.VPX()
	model.Cluster = config.Clusters
	model.ClusterHost = config.HostsPerCluster
	model.Host = config.StandaloneHosts
	model.Machine = 0
	people := newPeople(config.Users)
	people.listInDirectory()
	if err := model.Create(); err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(config.Certificate, config.Key)
	if err != nil {
		return nil, err
	}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	// A user of its own makes the simulator ask ValidLogin instead of taking any password.
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword("nobody", "")}
	w := &world{model: model, people: people, calls: newCallCounter(), office: newTicketOffice()}
	if err := w.prepare(config); err != nil {
		model.Remove()
		return nil, err
	}
	w.server = model.Service.NewServer()
	return w, nil
}

func (w *world) prepare(config configuration) error {
	registry := w.model.Map()
	sessions := registry.SessionManager()
	if config.SessionTimeout != "" {
		setOption(registry, "config.vmacore.soap.sessionTimeout", config.SessionTimeout)
	}
	switch config.Mode {
	case "stock":
		sessions.ValidLogin = w.people.knows
		registry.Handler = w.calls.count
	case "broker":
		sessions.ValidLogin = w.people.admit
		authority := replaceAuthorizationManager(registry, w.people)
		registry.Handler = func(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
			_, _ = w.calls.count(ctx, method)
			return nil, authority.refuse(ctx, method)
		}
		replaceHosts(registry, authority, w.office)
	default:
		return fmt.Errorf("mode must be stock or broker, not %q", config.Mode)
	}
	return nil
}

func setOption(registry *simulator.Registry, key, value string) {
	registry.OptionManager().UpdateOptions(&types.UpdateOptions{
		ChangedValue: []types.BaseOptionValue{&types.OptionValue{Key: key, Value: value}},
	})
}
