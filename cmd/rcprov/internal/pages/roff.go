package main

import (
	"regexp"
	"strings"
)

// An edition is what the foot of each page says.
type edition struct{ version, date string }

// A page is a man page in the making, in the macros of man(7).
type page struct{ strings.Builder }

// newPage begins a page: its name in lower case, such as "rcprov-plan", its section, and a line on what it is about.
func newPage(name, section, about string, of edition) *page {
	p := &page{}
	p.macro("TH", strings.ToUpper(name), section, of.date, strings.TrimSpace("rcprov "+of.version), "rcprov")
	p.WriteString(".nh\n.ad l\n") // names of arguments stay whole
	p.heading("NAME")
	p.WriteString(escape(name) + ` \- ` + escape(about) + "\n")
	return p
}

// macro writes a request. Its arguments are plain text.
func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, arg := range args {
		p.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

func (p *page) heading(text string) { p.macro("SH", text) }

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	dashes = strings.NewReplacer(`\`, `\e`, "-", `\-`) // a hyphen would become a dash that no shell knows (man(7), groff_char(7))
)

// escape makes text that roff prints as it is. A period or quote at the start of a line would be a request.
func escape(text string) string {
	lines := strings.Split(dashes.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// words escapes prose; what is in backquotes is bold.
func words(text string) string { return quoted.ReplaceAllString(escape(text), `\fB$1\fR`) }

// prose writes paragraphs, which empty lines separate; between two of them goes the macro between. Lines that are indented are code,
// and those that begin with "- " a list.
func (p *page) prose(text, between string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			p.macro(between)
		}
		code := false
		for line := range strings.SplitSeq(paragraph, "\n") {
			if indented := strings.HasPrefix(line, "  "); indented != code {
				code = indented
				p.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[code])
			}
			switch item, isItem := strings.CutPrefix(line, "- "); {
			case code:
				p.WriteString(escape(line) + "\n")
			case isItem:
				p.WriteString(".br\n\\(bu " + words(item) + "\n")
			case line != "":
				p.WriteString(words(line) + "\n")
			}
		}
		if code {
			p.WriteString(".fi\n")
		}
	}
}

// code writes text as it is.
func (p *page) code(text string) {
	p.WriteString(".nf\n" + escape(strings.TrimRight(text, "\n")) + "\n.fi\n")
}

// entry begins an entry of a list: its name in bold and what kind of thing it is. The text follows.
func (p *page) entry(name, kind string) {
	p.WriteString(".TP\n" + strings.TrimSpace(`\fB`+escape(name)+`\fR  `+words(kind)) + "\n")
}

// see writes the section that names other pages, such as "rcprov-plan(1)".
func (p *page) see(pages ...string) {
	p.heading("SEE ALSO")
	for i, name := range pages {
		title, section, _ := strings.Cut(name, "(")
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		p.WriteString(".BR " + escape(title) + " (" + section + comma + "\n")
	}
}
