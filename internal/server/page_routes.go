package server

import (
	"net/http"

	"holdfast/internal/server/access"
)

// site is the web pages.
type site struct {
	*Server
	assets  assets
	streams *streams
}

// route is a page, or what one of its forms posts to.
type route struct {
	pattern string
	least   access.Role
	handler http.HandlerFunc
}

// pages adds the web pages, and what they need.
func pages(mux *http.ServeMux, s *Server) error {
	files, err := loadAssets()
	if err != nil {
		return err
	}
	p := &site{Server: s, assets: files, streams: newStreams(s.Store, s.Stopping)}
	for _, r := range p.routes() {
		mux.Handle(r.pattern, access.Require(r.least, r.handler))
	}
	mux.HandleFunc("GET /static/{name}", p.static)
	mux.HandleFunc("GET /favicon.ico", p.icon)
	mux.HandleFunc("GET /robots.txt", robots)
	mux.HandleFunc("/", p.notFound)
	s.Gate.ShowFailures(p.gateFailed)
	return nil
}

// routes is the table of all pages, with the lowest role for each.
func (p *site) routes() []route {
	return []route{
		{"GET /{$}", access.Viewer, p.fleet},
		{"GET /stacks", access.Viewer, p.stacks},
		{"GET /stacks/{id}", access.Viewer, p.stack},
		{"POST /stacks/{id}/check", access.Operator, p.checkStack},
		{"GET /findings", access.Viewer, p.findings},
		{"GET /findings/{id}", access.Viewer, p.finding},
		{"POST /findings/{id}/waive", access.Operator, p.waive},
		{"POST /findings/{id}/revert", access.Admin, p.revert},
		{"POST /findings/{id}/accept", access.Admin, p.accept},
		{"GET /runs", access.Viewer, p.runs},
		{"POST /runs", access.Operator, p.checkSource},
		{"GET /runs/{id}", access.Viewer, p.run},
		{"GET /runs/{id}/events", access.Viewer, p.events},
		{"POST /runs/{id}/cancel", access.Operator, p.cancelRun},
		{"GET /schedules", access.Viewer, p.schedules},
		{"POST /schedules", access.Admin, p.addSchedule},
		{"GET /schedules/{id}", access.Viewer, p.schedule},
		{"POST /schedules/{id}", access.Admin, p.changeSchedule},
		{"POST /schedules/{id}/pause", access.Admin, p.pauseSchedule},
		{"POST /schedules/{id}/resume", access.Admin, p.resumeSchedule},
		{"POST /schedules/{id}/delete", access.Admin, p.deleteSchedule},
		{"GET /waivers", access.Viewer, p.waivers},
		{"GET /requests", access.Viewer, p.requests},
		{"GET /requests/{id}", access.Viewer, p.request},
		{"GET /requests/{id}/patch", access.Viewer, p.patch},
		{"POST /requests/{id}/approve", access.Admin, p.approve},
		{"POST /requests/{id}/reject", access.Admin, p.reject},
		{"GET /history", access.Viewer, p.history},
	}
}
