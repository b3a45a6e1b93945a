package main

import (
	"crypto/subtle"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type user struct {
	Name     string   `json:"name"`
	Password string   `json:"password"`
	Groups   []string `json:"groups"`
}

// people knows who may log in and who is in which group, by canonical name.
type people struct {
	lock  sync.RWMutex
	users map[string]user
}

func newPeople(users []user) *people {
	p := &people{users: make(map[string]user, len(users))}
	for _, u := range users {
		for i, group := range u.Groups {
			u.Groups[i] = canonical(group)
		}
		p.users[canonical(u.Name)] = u
	}
	return p
}

// canonical gives DOMAIN\name for a UPN too: vCenter takes both and shows the former.
func canonical(principal string) string {
	if name, domain, isUPN := strings.Cut(principal, "@"); isUPN {
		return strings.ToUpper(domain) + `\` + strings.ToLower(name)
	}
	if domain, name, hasDomain := strings.Cut(principal, `\`); hasDomain {
		return strings.ToUpper(domain) + `\` + strings.ToLower(name)
	}
	return strings.ToLower(principal)
}

// listInDirectory makes UserDirectory know who may log in; it names people without their domain.
func (p *people) listInDirectory() {
	for name := range p.users {
		_, bare, found := strings.Cut(name, `\`)
		if !found {
			bare = name
		}
		simulator.DefaultUserGroup = append(simulator.DefaultUserGroup,
			&types.UserSearchResult{FullName: bare, Principal: bare})
	}
}

// knows leaves the name as it was given, as the stock simulator does.
func (p *people) knows(login *types.Login) bool {
	p.lock.RLock()
	defer p.lock.RUnlock()
	known, found := p.users[canonical(login.UserName)]
	same := subtle.ConstantTimeCompare([]byte(known.Password), []byte(login.Password)) == 1
	return found && same && login.Password != ""
}

// admit names the session as a vCenter does.
func (p *people) admit(login *types.Login) bool {
	if !p.knows(login) {
		return false
	}
	login.UserName = canonical(login.UserName)
	return true
}

func (p *people) exists(principal string, group bool) bool {
	p.lock.RLock()
	defer p.lock.RUnlock()
	if !group {
		_, found := p.users[canonical(principal)]
		return found
	}
	for _, u := range p.users {
		for _, member := range u.Groups {
			if member == canonical(principal) {
				return true
			}
		}
	}
	return false
}

func (p *people) groupsOf(name string) map[string]bool {
	p.lock.RLock()
	defer p.lock.RUnlock()
	groups := make(map[string]bool)
	for _, group := range p.users[canonical(name)].Groups {
		groups[group] = true
	}
	return groups
}

func (p *people) setPassword(name, password string) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	u, found := p.users[canonical(name)]
	if found {
		u.Password = password
		p.users[canonical(name)] = u
	}
	return found
}
