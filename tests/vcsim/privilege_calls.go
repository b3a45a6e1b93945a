package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (a *authority) FetchUserPrivilegeOnEntities(_ *simulator.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	var found []types.UserPrivilegeResult
	for _, entity := range req.Entities {
		found = append(found, types.UserPrivilegeResult{Entity: entity, Privileges: a.effective(req.UserName, entity)})
	}
	return &methods.FetchUserPrivilegeOnEntitiesBody{
		Res: &types.FetchUserPrivilegeOnEntitiesResponse{Returnval: found},
	}
}

func (a *authority) HasUserPrivilegeOnEntities(_ *simulator.Context, req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	return &methods.HasUserPrivilegeOnEntitiesBody{
		Res: &types.HasUserPrivilegeOnEntitiesResponse{Returnval: a.has(req.UserName, req.Entities, req.PrivId)},
	}
}

func (a *authority) HasPrivilegeOnEntities(ctx *simulator.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	return &methods.HasPrivilegeOnEntitiesBody{
		Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: a.has(userOf(ctx, req.SessionId), req.Entity, req.PrivId)},
	}
}

// HasPrivilegeOnEntityResponse stands in for govmomi's type of that name, whose encoding leaves out
// every false.
type HasPrivilegeOnEntityResponse struct {
	Returnval []bool `xml:"returnval"`
}

type hasPrivilegeOnEntityBody struct {
	Res *HasPrivilegeOnEntityResponse `xml:"HasPrivilegeOnEntityResponse,omitempty"`
}

func (hasPrivilegeOnEntityBody) Fault() *soap.Fault { return nil }

func (a *authority) HasPrivilegeOnEntity(ctx *simulator.Context, req *types.HasPrivilegeOnEntity) soap.HasFault {
	var granted []bool
	for _, one := range a.has(userOf(ctx, req.SessionId), []types.ManagedObjectReference{req.Entity}, req.PrivId) {
		for _, availability := range one.PrivAvailability {
			granted = append(granted, availability.IsGranted)
		}
	}
	return &hasPrivilegeOnEntityBody{Res: &HasPrivilegeOnEntityResponse{Returnval: granted}}
}

func (a *authority) has(name string, entities []types.ManagedObjectReference, privileges []string) []types.EntityPrivilege {
	var found []types.EntityPrivilege
	for _, entity := range entities {
		held, answer := a.effective(name, entity), types.EntityPrivilege{Entity: entity}
		for _, id := range privileges {
			answer.PrivAvailability = append(answer.PrivAvailability, types.PrivilegeAvailability{
				PrivId: id, IsGranted: slices.Contains(held, id),
			})
		}
		found = append(found, answer)
	}
	return found
}

// userOf gives the user of a session, and nobody for an unknown one.
func userOf(ctx *simulator.Context, session string) string {
	manager, ok := ctx.Session.Get(ctx.Map.SessionManager().Reference()).(*simulator.SessionManager)
	if !ok {
		return ""
	}
	for _, one := range manager.SessionList {
		if one.Key == session {
			return one.UserName
		}
	}
	return ""
}
