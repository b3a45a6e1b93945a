package main

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// command is one line of input: what the vSphere API itself has no call for.
type command struct {
	Do       string `json:"do"`
	User     string `json:"user"`
	Password string `json:"password"`
	Host     string `json:"host"`
	State    string `json:"state"`
	Version  string `json:"version"`
}

func (w *world) obey(line []byte) any {
	var told command
	if err := json.Unmarshal(line, &told); err != nil {
		return map[string]string{"error": err.Error()}
	}
	answer, err := w.perform(told)
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return map[string]any{"answer": answer}
}

func (w *world) perform(told command) (any, error) {
	switch told.Do {
	case "calls":
		return w.calls.list(), nil
	case "tickets":
		return w.office.list(), nil
	case "password":
		if !w.people.setPassword(told.User, told.Password) {
			return nil, fmt.Errorf("there is no user %s", told.User)
		}
		return told.User, nil
	case "connection":
		state := types.HostSystemConnectionState(told.State)
		return told.Host, w.changeHost(told.Host, types.PropertyChange{Name: "runtime.connectionState", Val: state})
	case "version":
		return told.Host, w.changeHost(told.Host, types.PropertyChange{Name: "config.product.version", Val: told.Version})
	}
	return nil, fmt.Errorf("there is no command %q", told.Do)
}

// changeHost tells waiting property collectors too.
func (w *world) changeHost(name string, change types.PropertyChange) error {
	for _, entity := range w.model.Map().All("HostSystem") {
		if entity.Entity().Name == name {
			ctx := w.model.Service.Context
			ctx.WithLock(entity, func() { ctx.Update(entity, []types.PropertyChange{change}) })
			return nil
		}
	}
	return fmt.Errorf("there is no host %s", name)
}

// callCounter counts calls as "user method", so that a test sees how often somebody logged in.
type callCounter struct {
	lock  sync.Mutex
	calls map[string]int
}

func newCallCounter() *callCounter { return &callCounter{calls: make(map[string]int)} }

func (c *callCounter) count(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	name := ""
	if ctx.Session != nil {
		name = ctx.Session.UserName
	}
	if login, ok := method.Body.(*types.Login); ok {
		name = login.UserName
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.calls[canonical(name)+" "+method.Name]++
	return nil, nil
}

func (c *callCounter) list() map[string]int {
	c.lock.Lock()
	defer c.lock.Unlock()
	copied := make(map[string]int, len(c.calls))
	for name, times := range c.calls {
		copied[name] = times
	}
	return copied
}
