package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (a *authority) SetEntityPermissions(ctx *simulator.Context, req *types.SetEntityPermissions) soap.HasFault {
	body := &methods.SetEntityPermissionsBody{Fault_: a.refuseGrant(ctx, req.Entity, req.Permission)}
	if body.Fault_ == nil {
		a.permissions.put(req.Entity, req.Permission)
		body.Res = &types.SetEntityPermissionsResponse{}
	}
	return body
}

func (a *authority) ResetEntityPermissions(ctx *simulator.Context, req *types.ResetEntityPermissions) soap.HasFault {
	body := &methods.ResetEntityPermissionsBody{Fault_: a.refuseGrant(ctx, req.Entity, req.Permission)}
	if body.Fault_ == nil {
		a.permissions.clear(req.Entity)
		a.permissions.put(req.Entity, req.Permission)
		body.Res = &types.ResetEntityPermissionsResponse{}
	}
	return body
}

// refuseGrant holds every grant against what a vCenter checks before it takes one.
func (a *authority) refuseGrant(ctx *simulator.Context, entity types.ManagedObjectReference, granted []types.Permission) *soap.Fault {
	if _, ok := a.registry.Get(entity).(mo.Entity); !ok {
		return simulator.Fault("", &types.ManagedObjectNotFound{Obj: entity})
	}
	if parent := parentOf(a.registry, entity); parent != nil && owns(*parent, entity) {
		return simulator.Fault("", &types.InvalidArgument{InvalidProperty: "entity"})
	}
	if fault := a.missing(ctx, entity, modifyPermissions); fault != nil {
		return fault
	}
	for _, one := range granted {
		if fault := a.refuseOne(ctx, entity, one); fault != nil {
			return fault
		}
	}
	return nil
}

func (a *authority) refuseOne(ctx *simulator.Context, entity types.ManagedObjectReference, one types.Permission) *soap.Fault {
	role, found := a.role(one.RoleId)
	switch {
	case one.RoleId == roleView || one.RoleId == roleAnonymous:
		return simulator.Fault("", &types.InvalidArgument{InvalidProperty: "permission.roleId"})
	case !found:
		return simulator.Fault("", &types.NotFound{})
	case !a.people.exists(one.Principal, one.Group):
		return simulator.Fault("", &types.UserNotFound{Principal: one.Principal})
	}
	return a.missing(ctx, entity, role.Privilege...)
}

func (a *authority) RemoveEntityPermission(ctx *simulator.Context, req *types.RemoveEntityPermission) soap.HasFault {
	body := &methods.RemoveEntityPermissionBody{Fault_: a.missing(ctx, req.Entity, modifyPermissions)}
	if body.Fault_ != nil {
		return body
	}
	dropped := a.permissions.drop(func(one types.Permission) bool {
		return *one.Entity == req.Entity && one.Group == req.IsGroup && one.Principal == canonical(req.User)
	})
	if dropped == 0 {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = &types.RemoveEntityPermissionResponse{}
	return body
}

func (a *authority) RetrieveEntityPermissions(_ *simulator.Context, req *types.RetrieveEntityPermissions) soap.HasFault {
	var found []types.Permission
	for _, at := range lineage(a.registry, req.Entity) {
		if at != req.Entity && !req.Inherited {
			break
		}
		found = append(found, a.permissions.list(func(one types.Permission) bool {
			return *one.Entity == at && (at == req.Entity || one.Propagate)
		})...)
	}
	return &methods.RetrieveEntityPermissionsBody{Res: &types.RetrieveEntityPermissionsResponse{Returnval: found}}
}

func (a *authority) RetrieveAllPermissions(*simulator.Context, *types.RetrieveAllPermissions) soap.HasFault {
	found := a.permissions.list(func(types.Permission) bool { return true })
	return &methods.RetrieveAllPermissionsBody{Res: &types.RetrieveAllPermissionsResponse{Returnval: found}}
}

func (a *authority) RetrieveRolePermissions(_ *simulator.Context, req *types.RetrieveRolePermissions) soap.HasFault {
	body := &methods.RetrieveRolePermissionsBody{}
	if _, found := a.role(req.RoleId); !found {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	found := a.permissions.list(func(one types.Permission) bool { return one.RoleId == req.RoleId })
	body.Res = &types.RetrieveRolePermissionsResponse{Returnval: found}
	return body
}
