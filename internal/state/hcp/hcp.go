// Package hcp reads states from HCP Terraform and Terraform Enterprise, where the
// backend "remote" and the cloud block keep them. It speaks the API itself, and
// only GET: the client that HashiCorp publishes can do everything, and asks the
// network while it is made.
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs
package hcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/state"
)

// Backend is an organization's workspaces that belong to a root module.
type Backend struct {
	api    *api
	org    string
	naming naming
}

// naming says which workspaces belong to a root module.
type naming struct {
	name    string // the only one
	prefix  string // of their names; Terraform leaves it away
	tags    url.Values
	project string
	cloud   bool // in a cloud block, whose workspaces have their own names in Terraform too
}

// NewRemote makes the backend "remote". It asks nothing of the network yet.
// https://developer.hashicorp.com/terraform/language/backend/remote
func NewRemote(s state.Settings) (state.Backend, error) { return open(s, false, "https") }

// NewCloud makes what a cloud block configures. It asks nothing of the network
// yet.
// https://developer.hashicorp.com/terraform/language/terraform#cloud
func NewCloud(s state.Settings) (state.Backend, error) { return open(s, true, "https") }

func open(s state.Settings, cloud bool, scheme string) (*Backend, error) {
	host, err := s.Text("hostname")
	if err != nil {
		return nil, err
	}
	org, err := s.Text("organization")
	if err != nil {
		return nil, err
	}
	if cloud {
		host, org = cmp.Or(host, s.Getenv("TF_CLOUD_HOSTNAME")), cmp.Or(org, s.Getenv("TF_CLOUD_ORGANIZATION"))
	}
	host = strings.ToLower(cmp.Or(host, "app.terraform.io"))
	if org == "" {
		return nil, errors.New("the backend names no organization of HCP Terraform; set it in the block, or TF_CLOUD_ORGANIZATION for a cloud block")
	}
	if u, err := url.Parse(scheme + "://" + host); err != nil || u.Host != host {
		return nil, errors.New("the backend's hostname is none; write it as app.terraform.io, without https://")
	}
	b := &Backend{org: org}
	if b.naming, err = newNaming(s, cloud); err != nil {
		return nil, err
	}
	b.api, err = newAPI(s, scheme, host)
	return b, err
}

func newNaming(s state.Settings, cloud bool) (naming, error) {
	n := naming{cloud: cloud}
	block, err := s.Object("workspaces")
	if err != nil {
		return n, err
	}
	if n.name, err = block.Text("name"); err != nil {
		return n, err
	}
	if n.prefix, err = block.Text("prefix"); err != nil {
		return n, err
	}
	if !cloud {
		if (n.name == "") == (n.prefix == "") {
			return n, errors.New(`the backend "remote" needs either the name or the prefix of its workspaces; set one, and run terraform init`)
		}
		return n, nil
	}
	if n.project, err = block.Text("project"); err != nil {
		return n, err
	}
	n.project = cmp.Or(n.project, s.Getenv("TF_CLOUD_PROJECT"))
	if n.tags, err = tags(block); err != nil {
		return n, err
	}
	if n.name == "" && len(n.tags) == 0 {
		n.name = s.Getenv("TF_WORKSPACE")
	}
	return n, nil
}

// tags are those that a workspace must have: names, or names with values.
func tags(block state.Settings) (url.Values, error) {
	query := url.Values{}
	if pairs, ok := block.Config["tags"].(map[string]any); ok {
		names := make([]string, 0, len(pairs))
		for name := range pairs {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			value, ok := pairs[name].(string)
			if !ok {
				return nil, errors.New("a tag of the cloud block's workspaces is no string; mend it, and run terraform init")
			}
			query.Set(fmt.Sprintf("filter[tagged][%d][key]", i), name)
			query.Set(fmt.Sprintf("filter[tagged][%d][value]", i), value)
		}
		return query, nil
	}
	list, err := block.List("tags")
	if len(list) > 0 {
		query.Set("search[tags]", strings.Join(list, ","))
	}
	return query, err
}

// remote gives the name that a workspace of Terraform has in the organization.
func (n naming) remote(workspace string) (string, error) {
	switch {
	case n.name != "" && (workspace == "default" || (n.cloud && workspace == n.name)):
		return n.name, nil
	case n.name != "":
		return "", &advice{fmt.Sprintf("the configuration has one workspace, %s, and none called %s", n.name, workspace), "choose that one, or none"}
	case workspace == "default":
		return "", &advice{"the configuration has several workspaces, and none called default", "choose one with --workspace"}
	}
	return n.prefix + workspace, nil
}

// String names the backend.
func (b *Backend) String() string { return b.api.root + "/app/" + b.org + "/workspaces" }

// State gives the source of a workspace's state.
func (b *Backend) State(workspace string) state.Source { return &source{b, workspace} }

// Workspaces lists those that there are in the organization, with or without a
// state. With a prefix or tags, "default" is none of them, as in Terraform.
func (b *Backend) Workspaces(ctx context.Context) ([]string, error) {
	switch {
	case b.naming.name != "" && b.naming.cloud:
		return []string{b.naming.name}, nil
	case b.naming.name != "":
		return []string{"default"}, nil
	}
	names, err := b.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces in %s: %w", b, b.api.explain(err))
	}
	slices.Sort(names)
	return names, nil
}

func (b *Backend) list(ctx context.Context) ([]string, error) {
	query := url.Values{"page[size]": {"100"}}
	maps.Copy(query, b.naming.tags)
	if b.naming.prefix != "" {
		query.Set("search[name]", b.naming.prefix)
	}
	if b.naming.project != "" {
		id, err := b.projectID(ctx)
		if err != nil {
			return nil, err
		}
		query.Set("filter[project][id]", id)
	}
	var names []string
	for page := 1; page > 0; {
		query.Set("page[number]", fmt.Sprint(page))
		var answer list
		if err := b.api.get(ctx, "organizations/"+url.PathEscape(b.org)+"/workspaces", query, &answer); err != nil {
			return nil, err
		}
		for _, item := range answer.Data {
			if name, ok := strings.CutPrefix(item.Attributes.Name, b.naming.prefix); ok && name != "" {
				names = append(names, name)
			}
		}
		page = answer.Meta.Pagination.NextPage
	}
	return names, nil
}

func (b *Backend) projectID(ctx context.Context) (string, error) {
	var answer list
	query := url.Values{"filter[names]": {b.naming.project}}
	if err := b.api.get(ctx, "organizations/"+url.PathEscape(b.org)+"/projects", query, &answer); err != nil {
		return "", err
	}
	for _, item := range answer.Data {
		if item.Attributes.Name == b.naming.project {
			return item.ID, nil
		}
	}
	return "", &advice{fmt.Sprintf("the organization has no project %s that the token may see", b.naming.project), "correct the project of the cloud block"}
}
