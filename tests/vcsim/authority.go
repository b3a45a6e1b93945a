package main

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	administrators = `VSPHERE.LOCAL\administrators`

	roleAdmin     = -1
	roleView      = -3
	roleAnonymous = -4
	roleNoAccess  = -5

	cimInteraction    = "Host.Cim.CimInteraction"
	modifyRoles       = "Authorization.ModifyRoles"
	modifyPermissions = "Authorization.ModifyPermissions"
)

// authority answers what a session may do; it is the AuthorizationManager of broker mode.
type authority struct {
	simulator.AuthorizationManager

	permissions *permissions
	people      *people
	registry    *simulator.Registry
}

func replaceAuthorizationManager(registry *simulator.Registry, people *people) *authority {
	ref := types.ManagedObjectReference{Type: "AuthorizationManager", Value: "AuthorizationManager"}
	stock := registry.Get(ref).(*simulator.AuthorizationManager)
	a := &authority{
		AuthorizationManager: *stock,
		permissions:          newPermissions(people),
		people:               people,
		registry:             registry,
	}
	for _, id := range a.privilegesOf(roleAdmin) {
		a.PrivilegeList = append(a.PrivilegeList, describe(id))
	}
	a.permissions.put(rootOf(registry), []types.Permission{
		{Principal: administrators, Group: true, RoleId: roleAdmin, Propagate: true},
	})
	registry.Put(a)
	return a
}

func describe(id string) types.AuthorizationPrivilege {
	group, name := id, id
	if dot := strings.LastIndex(id, "."); dot >= 0 {
		group, name = id[:dot], id[dot+1:]
	}
	return types.AuthorizationPrivilege{PrivId: id, Name: name, PrivGroupName: group}
}

func rootOf(registry *simulator.Registry) types.ManagedObjectReference {
	for _, folder := range registry.All("Folder") {
		if folder.Entity().Parent == nil {
			return folder.Reference()
		}
	}
	panic("the inventory has no root folder")
}

func (a *authority) role(id int32) (types.AuthorizationRole, bool) {
	at := slices.IndexFunc(a.RoleList, func(one types.AuthorizationRole) bool { return one.RoleId == id })
	if at < 0 {
		return types.AuthorizationRole{}, false
	}
	return a.RoleList[at], true
}

func (a *authority) privilegesOf(id int32) []string {
	role, _ := a.role(id)
	return role.Privilege
}

// effective gives the user's privileges on the entity; what is no entity counts as the root folder.
//
// Where nothing reaches the entity and the user may see something below it, that is System.View.
func (a *authority) effective(name string, entity types.ManagedObjectReference) []string {
	if _, ok := a.registry.Get(entity).(mo.Entity); !ok {
		entity = rootOf(a.registry)
	}
	var held []string
	for _, role := range a.permissions.rolesOn(a.registry, name, entity) {
		held = append(held, a.privilegesOf(role)...)
	}
	if len(held) == 0 && a.seesBelow(name, entity) {
		held = []string{"System.Anonymous", "System.View"}
	}
	slices.Sort(held)
	return slices.Compact(held)
}

func (a *authority) seesBelow(name string, entity types.ManagedObjectReference) bool {
	groups := a.people.groupsOf(name)
	granted := a.permissions.list(func(one types.Permission) bool {
		mine := (!one.Group && one.Principal == canonical(name)) || (one.Group && groups[one.Principal])
		return mine && one.RoleId != roleNoAccess
	})
	return slices.ContainsFunc(granted, func(one types.Permission) bool {
		return slices.Contains(lineage(a.registry, *one.Entity), entity)
	})
}

// missing gives NoPermission for the first of the privileges that the session lacks on the entity.
func (a *authority) missing(ctx *simulator.Context, entity types.ManagedObjectReference, privileges ...string) *soap.Fault {
	held := a.effective(ctx.Session.UserName, entity)
	for _, id := range privileges {
		if !slices.Contains(held, id) {
			return simulator.Fault("Permission to perform this operation was denied.", noPermission(entity, id))
		}
	}
	return nil
}

func noPermission(entity types.ManagedObjectReference, privilege string) *types.NoPermission {
	return &types.NoPermission{Object: &entity, PrivilegeId: privilege}
}

// refuse answers what a vCenter stops before it looks at the call itself.
func (a *authority) refuse(ctx *simulator.Context, method *simulator.Method) types.BaseMethodFault {
	switch body := method.Body.(type) {
	case *types.Login:
		return a.refuseStranger(body)
	case *types.RetrievePropertiesEx:
		if ctx.Session == nil && !onlyAboutTheService(body.SpecSet) {
			return &types.NotAuthenticated{NoPermission: *noPermission(method.This, "System.View")}
		}
	}
	return nil
}

// refuseStranger turns a known user away who has no permission anywhere.
func (a *authority) refuseStranger(login *types.Login) types.BaseMethodFault {
	root := rootOf(a.registry)
	if a.people.knows(login) && len(a.effective(login.UserName, root)) == 0 {
		return noPermission(root, "System.View")
	}
	return nil
}

// onlyAboutTheService says whether just the two objects are asked that answer before a log-in.
func onlyAboutTheService(specs []types.PropertyFilterSpec) bool {
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			if object.Obj.Type != "ServiceInstance" && object.Obj.Type != "SessionManager" {
				return false
			}
		}
	}
	return true
}
