package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (a *authority) AddAuthorizationRole(ctx *simulator.Context, req *types.AddAuthorizationRole) soap.HasFault {
	body := &methods.AddAuthorizationRoleBody{Fault_: a.missing(ctx, rootOf(a.registry), modifyRoles)}
	if body.Fault_ != nil {
		return body
	}
	if req.Name == "" {
		body.Fault_ = simulator.Fault("", &types.InvalidName{})
		return body
	}
	body = a.AuthorizationManager.AddAuthorizationRole(req).(*methods.AddAuthorizationRoleBody)
	if body.Res != nil {
		body.Res.Returnval = a.RoleList[len(a.RoleList)-1].RoleId
	}
	return body
}

func (a *authority) UpdateAuthorizationRole(ctx *simulator.Context, req *types.UpdateAuthorizationRole) soap.HasFault {
	body := &methods.UpdateAuthorizationRoleBody{Fault_: a.missing(ctx, rootOf(a.registry), append(req.PrivIds, modifyRoles)...)}
	if body.Fault_ == nil {
		body.Fault_ = a.refuseSystemRole(req.RoleId)
	}
	if body.Fault_ != nil {
		return body
	}
	return a.AuthorizationManager.UpdateAuthorizationRole(req)
}

func (a *authority) RemoveAuthorizationRole(ctx *simulator.Context, req *types.RemoveAuthorizationRole) soap.HasFault {
	body := &methods.RemoveAuthorizationRoleBody{Fault_: a.missing(ctx, rootOf(a.registry), modifyRoles)}
	if body.Fault_ == nil {
		body.Fault_ = a.refuseSystemRole(req.RoleId)
	}
	used := func(one types.Permission) bool { return one.RoleId == req.RoleId }
	if body.Fault_ == nil && req.FailIfUsed && len(a.permissions.list(used)) > 0 {
		body.Fault_ = simulator.Fault("", &types.RemoveFailed{})
	}
	if body.Fault_ != nil {
		return body
	}
	a.permissions.drop(used)
	return a.AuthorizationManager.RemoveAuthorizationRole(req)
}

func (a *authority) refuseSystemRole(id int32) *soap.Fault {
	if role, found := a.role(id); found && role.System {
		return simulator.Fault("", &types.InvalidArgument{InvalidProperty: "roleId"})
	}
	return nil
}
