package server

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of days and months in cron expressions, by their numbers.
var (
	dayNames   = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	monthNames = []string{"", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

// cronWords explains a cron expression in plain words: "every Monday at 06:00". It
// is "" for one that it can't explain; whether it is valid, others say.
func cronWords(expression string) string {
	fields := strings.Fields(expression)
	if len(fields) == 1 {
		return map[string]string{
			"@hourly": "every hour", "@daily": "every day at 00:00", "@midnight": "every day at 00:00", "@weekly": "every Sunday at 00:00",
			"@monthly": "on the 1st of every month at 00:00", "@yearly": "on the 1st of January at 00:00", "@annually": "on the 1st of January at 00:00",
		}[fields[0]]
	}
	if len(fields) != 5 {
		return ""
	}
	at, daily := timeWords(fields[0], fields[1])
	on := dayWords(fields[2], fields[4])
	in := listWords(fields[3], monthNames, "")
	if at == "" || on == "?" || in == "?" {
		return ""
	}
	text := at
	switch {
	case on != "" && daily:
		text = on + " " + at
	case on != "":
		text = at + ", " + strings.TrimPrefix(on, "every ")
	case daily:
		text = "every day " + at
	}
	if in != "" {
		text += ", in " + in
	}
	return text
}

// timeWords are those of minutes and hours. Daily: these are times of a day, and
// not "every so often".
func timeWords(minute, hour string) (words string, daily bool) {
	every, stepped := strings.CutPrefix(minute, "*/")
	m, mErr := strconv.Atoi(minute)
	switch {
	case minute == "*" && hour == "*":
		return "every minute", false
	case stepped && hour == "*":
		return "every " + every + " minutes", false
	case mErr == nil && hour == "*" && m == 0:
		return "every hour", false
	case mErr == nil && hour == "*":
		return fmt.Sprintf("every hour at minute %d", m), false
	case mErr == nil && strings.HasPrefix(hour, "*/"):
		return fmt.Sprintf("every %s hours at minute %d", hour[2:], m), false
	case mErr != nil:
		return "", false
	}
	return hourWords(hour, m)
}

// hourWords are those of hours at a minute: a list of them, or of ranges.
func hourWords(hour string, m int) (words string, daily bool) {
	var times []string
	for part := range strings.SplitSeq(hour, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			return "", false
		}
		if !isRange {
			times = append(times, fmt.Sprintf("%02d:%02d", first, m))
			continue
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			return "", false
		}
		times = append(times, fmt.Sprintf("every hour from %02d:%02d to %02d:%02d", first, m, last, m))
	}
	words = "at " + joined(times)
	return strings.Replace(words, "at every hour", "every hour", 1), true
}

// dayWords are those of days of the month and of the week; "" for any, "?" for
// what can't be explained.
func dayWords(month, week string) string {
	if month == "?" {
		month = "*"
	}
	if week == "?" {
		week = "*"
	}
	days := listWords(week, dayNames, "every ")
	if month == "*" || days == "?" {
		return days
	}
	dates := listWords(month, nil, "")
	if dates == "?" {
		return "?"
	}
	text := "on the " + dates + " of the month"
	if days != "" {
		text += " and " + days
	}
	return text
}

// listWords are those of a field that lists numbers, names or ranges; names nil:
// they are days of the month.
func listWords(field string, names []string, before string) string {
	if field == "*" {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(field, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, last := itemWord(from, names), ""
		if isRange {
			last = itemWord(to, names)
		}
		switch {
		case first == "" || isRange && last == "":
			return "?"
		case isRange:
			parts = append(parts, first+" to "+last)
		default:
			parts = append(parts, before+first)
		}
	}
	if len(parts) > 1 && before != "" {
		for i := range parts[1:] {
			parts[i+1] = strings.TrimPrefix(parts[i+1], before)
		}
	}
	return joined(parts)
}

func itemWord(item string, names []string) string {
	n, err := strconv.Atoi(item)
	if names == nil {
		if err != nil || n < 1 || n > 31 {
			return ""
		}
		return ordinal(n)
	}
	if err == nil {
		if len(names) == len(dayNames) && n == 7 {
			n = 0
		}
		if n < 0 || n >= len(names) {
			return ""
		}
		return names[n]
	}
	for _, name := range names {
		if len(item) == 3 && strings.EqualFold(name[:min(3, len(name))], item) {
			return name
		}
	}
	return ""
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// joined is a list in a sentence: a, b and c.
func joined(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
