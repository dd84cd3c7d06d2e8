package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/drift"
)

// The elements of a JUnit report that GitLab, Jenkins and GitHub's actions read.
// https://github.com/testmoapp/junitxml
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a run as test results: a suite a stack, and in it a test that
// fails for each finding, one in error for each thing that could not be checked,
// one that is skipped for what is waived, ignored or pending, and one that
// passes for all resources that are as they should be. A state that is unsound
// is a test in error too, of type "integrity".
func JUnit(w io.Writer, run drift.Run) error {
	all := junitSuites{Name: "holdfast", Time: seconds(run.FinishedAt.Sub(run.StartedAt).Milliseconds())}
	for _, s := range run.Stacks {
		suite := suiteOf(s)
		suite.Timestamp = run.StartedAt.UTC().Format("2006-01-02T15:04:05")
		all.Suites = append(all.Suites, suite)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
		all.Skipped += suite.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

func suiteOf(s drift.Stack) junitSuite {
	suite := junitSuite{
		Name: stackName(s), Time: seconds(s.DurationMS),
		Properties: []junitProperty{
			{"stack", s.ID},
			{"status", string(s.Status)},
			{"engine", OneLine(s.Engine)},
			{"resources", strconv.Itoa(resources(s))},
		},
	}
	suite.add(junitCase{Name: count(s.Resources.Clean, "resource") + " as applied"})
	for _, f := range s.Findings {
		suite.add(caseOf(f))
	}
	for _, e := range s.Errors {
		suite.add(junitCase{Name: "not checked: " + or(e.Address, "the stack"), Error: &junitOutcome{Message: OneLine(e.Message), Type: OneLine(e.Code)}})
	}
	for _, fault := range s.Integrity {
		c := junitCase{Name: "state: " + or(fault.Address, fault.Code)}
		if fault.Severity == drift.SeverityError {
			c.Error = &junitOutcome{Message: OneLine(fault.Message), Type: "integrity"}
		} else {
			c.Skipped = &junitOutcome{Message: OneLine(fault.Message)}
		}
		suite.add(c)
	}
	for _, p := range s.Pending {
		message := "code not applied yet: " + strings.Join(slices.Concat(p.Actions, p.Paths), " ")
		suite.add(junitCase{Name: "pending: " + OneLine(p.Address), Skipped: &junitOutcome{Message: OneLine(message)}})
	}
	return suite
}

func or(address, otherwise string) string {
	if address == "" {
		return OneLine(otherwise)
	}
	return OneLine(address)
}

// caseOf is the test of a finding: it fails if the finding counts.
func caseOf(f drift.Finding) junitCase {
	c := junitCase{Name: "drift: " + OneLine(f.Address)}
	if f.Source != nil {
		c.File, c.Line = OneLine(f.Source.File), f.Source.Line
	}
	if !f.Counts() {
		c.Skipped = &junitOutcome{Message: strings.TrimSuffix(fmt.Sprintf("%s: %s", f.Status, waiverText(f)), ": "), Text: aboutText(f)}
		return c
	}
	message := kindWords(f)
	if f.Certainty == drift.Possible {
		message += ", possible: " + OneLine(f.Doubt)
	}
	c.Failure = &junitOutcome{Message: message, Type: string(f.Kind), Text: diffText(f) + aboutText(f)}
	return c
}

// aboutText is what is known of a finding beside its diff, line by line.
func aboutText(f drift.Finding) string {
	var lines []string
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, label+": "+text)
		}
	}
	add(strings.ToLower(causeLabel(f)), causeText(f))
	for _, note := range causeNotes(asked(f)) {
		add(strings.ToLower(note.Label), note.Text)
	}
	if f.Counts() {
		add(strings.ToLower(waiverLabel(f)), waiverText(f))
	}
	return strings.Join(append(lines, "finding "+OneLine(f.ID)), "\n") + "\n"
}

func (s *junitSuite) add(c junitCase) {
	c.Class = s.Name
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}
