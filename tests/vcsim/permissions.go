package main

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// permissions holds who has which role where, and works out what that comes to.
//
// The permission nearest to the entity decides; on one entity a user's own permission beats those
// of groups, and groups' roles are united; an ancestor counts where it propagates, or where it owns
// the entity as a compute resource owns its host.
type permissions struct {
	lock   sync.RWMutex
	on     map[types.ManagedObjectReference][]types.Permission
	people *people
}

func newPermissions(people *people) *permissions {
	return &permissions{on: make(map[types.ManagedObjectReference][]types.Permission), people: people}
}

// put adds permissions to an entity, or updates the ones of the same principal.
func (p *permissions) put(entity types.ManagedObjectReference, added []types.Permission) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, one := range added {
		one.Entity = &entity
		one.Principal = canonical(one.Principal)
		held := p.on[entity]
		at := slices.IndexFunc(held, func(other types.Permission) bool {
			return other.Principal == one.Principal && other.Group == one.Group
		})
		if at < 0 {
			p.on[entity] = append(held, one)
		} else {
			held[at] = one
		}
	}
}

func (p *permissions) clear(entity types.ManagedObjectReference) {
	p.lock.Lock()
	defer p.lock.Unlock()
	delete(p.on, entity)
}

// drop removes those that fit, everywhere, and tells how many there were.
func (p *permissions) drop(fits func(types.Permission) bool) int {
	p.lock.Lock()
	defer p.lock.Unlock()
	dropped := 0
	for entity, held := range p.on {
		kept := slices.DeleteFunc(slices.Clone(held), fits)
		dropped += len(held) - len(kept)
		p.on[entity] = kept
	}
	return dropped
}

func (p *permissions) list(fits func(types.Permission) bool) []types.Permission {
	p.lock.RLock()
	defer p.lock.RUnlock()
	var found []types.Permission
	for _, held := range p.on {
		for _, one := range held {
			if fits(one) {
				found = append(found, one)
			}
		}
	}
	return found
}

// rolesOn gives the roles that decide for the user on the entity; none where no permission reaches it.
func (p *permissions) rolesOn(registry *simulator.Registry, name string, entity types.ManagedObjectReference) []int32 {
	name, groups := canonical(name), p.people.groupsOf(name)
	p.lock.RLock()
	defer p.lock.RUnlock()
	below := entity
	for at := &entity; at != nil; at = parentOf(registry, *at) {
		reaching := slices.DeleteFunc(slices.Clone(p.on[*at]), func(one types.Permission) bool {
			return *at != entity && !one.Propagate && !owns(*at, below)
		})
		if roles := rolesFor(reaching, name, groups); len(roles) > 0 {
			return roles
		}
		below = *at
	}
	return nil
}

func rolesFor(reaching []types.Permission, name string, groups map[string]bool) []int32 {
	var ofGroups []int32
	for _, one := range reaching {
		switch {
		case !one.Group && one.Principal == name:
			return []int32{one.RoleId}
		case one.Group && groups[one.Principal]:
			ofGroups = append(ofGroups, one.RoleId)
		}
	}
	return ofGroups
}

// owns says whether the child is part of a complex entity, so that it takes no permission of its own.
func owns(parent, child types.ManagedObjectReference) bool {
	switch parent.Type {
	case "ComputeResource":
		return child.Type == "HostSystem" || child.Type == "ResourcePool"
	case "ClusterComputeResource":
		return child.Type == "ResourcePool"
	case "Datacenter":
		return child.Type == "Folder"
	}
	return false
}

func parentOf(registry *simulator.Registry, ref types.ManagedObjectReference) *types.ManagedObjectReference {
	if entity, ok := registry.Get(ref).(mo.Entity); ok {
		return entity.Entity().Parent
	}
	return nil
}

// lineage gives the ancestors' chain of an entity, itself first.
func lineage(registry *simulator.Registry, entity types.ManagedObjectReference) []types.ManagedObjectReference {
	var chain []types.ManagedObjectReference
	for at := &entity; at != nil; at = parentOf(registry, *at) {
		chain = append(chain, *at)
	}
	return chain
}
