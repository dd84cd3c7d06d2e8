package server

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// scheduleRow is a schedule in a list.
type scheduleRow struct {
	store.Schedule
	Href, Title, Words string
	NextThere          string // when it is due next, by the clock of its zone
	SpreadWords        string
	RunHref            string
}

func scheduleRowOf(s store.Schedule) scheduleRow {
	row := scheduleRow{Schedule: s, Href: pathTo("schedules", s.ID), Title: short(s.Name, 120), Words: cronWords(s.Cron)}
	if row.Title == "" {
		row.Title = short(s.Source, 120)
	}
	if place, err := time.LoadLocation(s.Zone); err == nil && !s.NextAt.IsZero() {
		row.NextThere = s.NextAt.In(place).Format("Mon 2 Jan 2006, 15:04")
	}
	if s.Spread > 0 {
		row.SpreadWords = "spread over " + took(s.Spread)
		if s.Spread%time.Minute == 0 {
			row.SpreadWords = "spread over " + report.Count(int(s.Spread/time.Minute), "minute")
		}
	}
	if s.LastRun != "" {
		row.RunHref = pathTo("runs", s.LastRun)
	}
	return row
}

// schedulesView is the list of schedules, with the form for another one.
type schedulesView struct {
	Rows []scheduleRow
	Form scheduleForm
}

// scheduleForm is what the form has, and what is wrong with it.
type scheduleForm struct {
	Action                   string
	Name, Cron, Zone, Spread string
	Sources                  []choice
	Problem, Field           string
	Fresh                    bool // it adds one
}

func (p *site) freshForm(ctx context.Context) scheduleForm {
	return scheduleForm{Action: "/schedules", Cron: "0 6 * * MON", Zone: "UTC", Spread: "10", Sources: p.sourceChoices(ctx, ""), Fresh: true}
}

func (p *site) schedules(w http.ResponseWriter, r *http.Request) {
	p.showSchedules(w, r, http.StatusOK, p.freshForm(r.Context()))
}

func (p *site) showSchedules(w http.ResponseWriter, r *http.Request, status int, form scheduleForm) {
	list, err := p.Store.Schedules(r.Context())
	if err != nil {
		p.broken(w, r, "reading the schedules", err)
		return
	}
	v := schedulesView{Form: form}
	for _, one := range list {
		if access.From(r.Context()).MaySee(one.Source) {
			v.Rows = append(v.Rows, scheduleRowOf(one))
		}
	}
	p.show(w, r, status, "schedules", view{Title: "Schedules", Nav: "/schedules", Body: v})
}

// scheduleView is one schedule.
type scheduleView struct {
	scheduleRow
	Form scheduleForm
	Soon []string // the next times, by the clock of its zone
}

// findSchedule finds the schedule that a path names, or has answered.
func (p *site) findSchedule(w http.ResponseWriter, r *http.Request) (store.Schedule, bool) {
	one, ok, err := p.Store.Schedule(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		p.broken(w, r, "reading a schedule", err)
		return one, false
	case !ok || !access.From(r.Context()).MaySee(one.Source):
		p.missing(w, r, "There is no such schedule", "Somebody may have removed it.", step{"All schedules", "/schedules"})
		return one, false
	}
	return one, true
}

func (p *site) schedule(w http.ResponseWriter, r *http.Request) {
	if one, ok := p.findSchedule(w, r); ok {
		p.showSchedule(w, r, http.StatusOK, one, p.formOf(r.Context(), one))
	}
}

func (p *site) formOf(ctx context.Context, s store.Schedule) scheduleForm {
	return scheduleForm{
		Action: pathTo("schedules", s.ID), Name: s.Name, Cron: s.Cron, Zone: s.Zone, Sources: p.sourceChoices(ctx, s.Source),
		Spread: strconv.Itoa(int(s.Spread / time.Minute)),
	}
}

func (p *site) showSchedule(w http.ResponseWriter, r *http.Request, status int, one store.Schedule, form scheduleForm) {
	v := scheduleView{scheduleRow: scheduleRowOf(one), Form: form}
	at := p.Now()
	for range 4 {
		next, err := p.Next(one.Cron, one.Zone, at)
		place, zoneErr := time.LoadLocation(one.Zone)
		if err != nil || zoneErr != nil {
			break
		}
		v.Soon, at = append(v.Soon, next.In(place).Format("Mon 2 Jan 2006, 15:04 MST")), next
	}
	p.show(w, r, status, "schedule", view{Title: "Schedule " + v.Title, Nav: "/schedules", Body: v})
}

// readSchedule takes a schedule from a form, and says what is wrong with it.
func (p *site) readSchedule(r *http.Request, one store.Schedule) (store.Schedule, scheduleForm) {
	text := func(name string) string { return strings.TrimSpace(report.OneLine(r.PostFormValue(name))) }
	one.Source, one.Name, one.Cron, one.Zone = text("source"), text("name"), strings.Join(strings.Fields(text("cron")), " "), text("zone")
	form := p.formOf(r.Context(), one)
	form.Spread = text("spread")
	minutes, err := strconv.Atoi(form.Spread)
	one.Spread = time.Duration(minutes) * time.Minute
	_, known := p.source(one.Source)
	next, nextErr := p.Next(one.Cron, one.Zone, p.Now())
	switch {
	case !known || !access.From(r.Context()).MaySee(one.Source):
		form.Field, form.Problem = "source", "Choose a source: holdfast.yaml lists those of this server."
	case len(one.Name) > 200:
		form.Field, form.Problem = "name", "A shorter name, please: 200 characters at most."
	case len(one.Cron) > 200 || len(one.Zone) > 100:
		form.Field, form.Problem = "cron", "That is too long for a schedule."
	case nextErr != nil:
		form.Field, form.Problem = "cron", sentence(nextErr)
		if strings.Contains(nextErr.Error(), "zone") {
			form.Field = "zone"
		}
	case err != nil || one.Spread < 0 || one.Spread > longestSpread:
		form.Field, form.Problem = "spread", fmt.Sprintf("Give minutes, from 0 to %d.", longestSpread/time.Minute)
	}
	one.NextAt = next
	return one, form
}

func (p *site) addSchedule(w http.ResponseWriter, r *http.Request) {
	one, form := p.readSchedule(r, store.Schedule{})
	form.Action, form.Fresh = "/schedules", true
	if form.Problem != "" {
		p.showSchedules(w, r, http.StatusUnprocessableEntity, form)
		return
	}
	p.saveSchedule(w, r, one, "Added: it is due next on "+stamp(one.NextAt)+".")
}

func (p *site) changeSchedule(w http.ResponseWriter, r *http.Request) {
	was, ok := p.findSchedule(w, r)
	if !ok {
		return
	}
	one, form := p.readSchedule(r, was)
	if form.Problem != "" {
		p.showSchedule(w, r, http.StatusUnprocessableEntity, was, form)
		return
	}
	p.saveSchedule(w, r, one, "Changed: it is due next on "+stamp(one.NextAt)+".")
}

func (p *site) pauseSchedule(w http.ResponseWriter, r *http.Request) {
	if one, ok := p.findSchedule(w, r); ok {
		one.Paused = true
		p.saveSchedule(w, r, one, "Paused: nothing is checked by it until it goes on.")
	}
}

// resumeSchedule goes on with the next time that is ahead; what was due meanwhile
// is not caught up.
func (p *site) resumeSchedule(w http.ResponseWriter, r *http.Request) {
	one, ok := p.findSchedule(w, r)
	if !ok {
		return
	}
	next, err := p.Next(one.Cron, one.Zone, p.Now())
	if err != nil {
		p.refused(w, r, "The schedule can't go on", fmt.Errorf("%w: %w", ErrInvalid, err), pathTo("schedules", one.ID))
		return
	}
	one.Paused, one.NextAt = false, next
	p.saveSchedule(w, r, one, "It goes on, and is due next on "+stamp(next)+".")
}

func (p *site) saveSchedule(w http.ResponseWriter, r *http.Request, one store.Schedule, text string) {
	saved, err := p.Store.SaveSchedule(r.Context(), one)
	if err != nil {
		p.broken(w, r, "saving a schedule", err)
		return
	}
	state := "on"
	if saved.Paused {
		state = "paused"
	}
	p.Gate.Audit(r.Context(), access.AuditSchedule, fmt.Sprintf("schedule %s of %s: %s %s, %s", saved.ID, saved.Source, saved.Cron, saved.Zone, state))
	p.redirect(w, r, "/schedules", text)
}

func (p *site) deleteSchedule(w http.ResponseWriter, r *http.Request) {
	one, ok := p.findSchedule(w, r)
	if !ok {
		return
	}
	if err := p.Store.DeleteSchedule(r.Context(), one.ID); err != nil {
		p.broken(w, r, "removing a schedule", err)
		return
	}
	p.Gate.Audit(r.Context(), access.AuditSchedule, "schedule "+one.ID+" of "+one.Source+" deleted")
	p.redirect(w, r, "/schedules", "Deleted. The stacks of "+short(one.Source, 100)+" are checked by other schedules, or when somebody asks.")
}
