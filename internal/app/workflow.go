package app

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"holdfast/internal/stack"
)

// Repository is the one on GitHub that releases are built in, as OWNER/NAME, and the
// home of the action. Set at build time for releases.
var Repository = ""

// Workflow is what a GitHub workflow is written of.
type Workflow struct {
	Dir    string // the folder to check, inside of a git repository
	Action string // as OWNER/NAME@REF; empty: that of this release
	Report string // none, commit or pull-request
}

//go:embed workflow.yml
var workflowText string

// The workflow has {{ }} of its own.
var workflowTemplate = template.Must(template.New("workflow").Delims("[[", "]]").Parse(workflowText))

var (
	actionName   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[\w./-]+$`)
	releaseShape = regexp.MustCompile(`^v?(\d+)\.\d+\.\d+$`)
)

// Render gives the workflow's file, at the top of the repository, and its text.
func (w Workflow) Render() (file string, text []byte, err error) {
	root, folder, err := repositoryOf(w.Dir)
	if err != nil {
		return "", nil, err
	}
	action := w.Action
	if action == "" {
		if action, err = ownAction(); err != nil {
			return "", nil, err
		}
	}
	if !actionName.MatchString(action) {
		return "", nil, fmt.Errorf("the action %q is none; write it as OWNER/NAME@REF", action)
	}
	contents := map[string]string{"none": "read", "commit": "write", "pull-request": "write"}[w.Report]
	if contents == "" {
		return "", nil, fmt.Errorf("the report %q: none, commit or pull-request", w.Report)
	}
	settings, err := stack.FindSettings(w.Dir)
	if err != nil {
		return "", nil, err
	}
	issues := slices.ContainsFunc(settings.Alerts, func(a stack.Alert) bool { return slices.Contains(a.Places(), "github") })
	var b bytes.Buffer
	err = workflowTemplate.Execute(&b, map[string]any{"Action": action, "Report": w.Report, "Contents": contents, "Folder": folder, "Issues": issues})
	return filepath.Join(root, ".github", "workflows", "drift.yml"), b.Bytes(), err
}

// ownAction is the action at the major version of this release.
func ownAction() (string, error) {
	version := releaseShape.FindStringSubmatch(ThisBuild().Version)
	if Repository == "" || version == nil {
		return "", errors.New("this build is no release and does not know where its action is; name it with --action OWNER/NAME@REF")
	}
	return Repository + "@v" + version[1], nil
}

// repositoryOf finds the top of the git repository that a folder is in, and the
// folder as YAML would have it, from there; empty for the top itself.
func repositoryOf(dir string) (root, folder string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	for root = dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", "", fmt.Errorf("%s is in no git repository, at whose top a workflow would stand; run git init first", dir)
		}
	}
	folder, err = filepath.Rel(root, dir)
	if err != nil || folder == "." {
		return root, "", err
	}
	if strings.Contains(folder, "${{") {
		return "", "", fmt.Errorf("the folder %s would be an expression in a workflow; name another", folder)
	}
	quoted, err := json.Marshal(filepath.ToSlash(folder)) // YAML has JSON's strings
	return root, string(quoted), err
}
