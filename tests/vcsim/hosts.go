package main

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const ticketLife = 2 * time.Minute

// ticketNote is what is remembered of a ticket: everything but the ticket.
type ticketNote struct {
	User      string    `json:"user"`
	Host      string    `json:"host"`
	Operation string    `json:"operation"`
	Until     time.Time `json:"until"`
}

type ticketOffice struct {
	lock  sync.Mutex
	notes []ticketNote
}

func newTicketOffice() *ticketOffice { return &ticketOffice{notes: []ticketNote{}} }

func (o *ticketOffice) note(one ticketNote) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.notes = append(o.notes, one)
}

func (o *ticketOffice) list() []ticketNote {
	o.lock.Lock()
	defer o.lock.Unlock()
	return append([]ticketNote{}, o.notes...)
}

// cimHost is a HostSystem with the method that the simulator lacks.
type cimHost struct {
	simulator.HostSystem

	authority *authority
	office    *ticketOffice
}

// replaceHosts embeds each host by value: the simulator looks for the managed object in the first
// field, and handlers of the old objects go on pointing at it otherwise.
func replaceHosts(registry *simulator.Registry, authority *authority, office *ticketOffice) {
	for _, entity := range registry.All("HostSystem") {
		stock := entity.(*simulator.HostSystem)
		registry.Put(&cimHost{HostSystem: *stock, authority: authority, office: office})
	}
}

func (h *cimHost) AcquireCimServicesTicket(ctx *simulator.Context, _ *types.AcquireCimServicesTicket) soap.HasFault {
	body := &methods.AcquireCimServicesTicketBody{Fault_: h.authority.missing(ctx, h.Self, cimInteraction)}
	if body.Fault_ != nil {
		return body
	}
	if h.Runtime.ConnectionState != types.HostSystemConnectionStateConnected {
		body.Fault_ = simulator.Fault("", &types.HostNotConnected{})
		return body
	}
	h.office.note(ticketNote{
		User: ctx.Session.UserName, Host: h.Name, Operation: ctx.Header.ID, Until: time.Now().Add(ticketLife),
	})
	body.Res = &types.AcquireCimServicesTicketResponse{Returnval: types.HostServiceTicket{
		Host:           h.Name,
		SslThumbprint:  thumbprint(h.Config.Certificate),
		Service:        "CIM",
		ServiceVersion: "1.0",
		SessionId:      rand.Text(),
	}}
	return body
}

// thumbprint writes a certificate's SHA-1 as vCenter does: AA:BB:...
func thumbprint(certificate []byte) string {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return ""
	}
	sum := sha1.Sum(block.Bytes)
	pairs := make([]string, len(sum))
	for i, one := range sum {
		pairs[i] = fmt.Sprintf("%02X", one)
	}
	return strings.Join(pairs, ":")
}
