package messages

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the document.
func (b *Book) Markdown() string {
	var w strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&w, format+"\n", a...) }
	line("# Messages\n")
	line("<!-- Made from the code by `make messages`. Do not edit: change the code, then run that. -->\n")
	line("%s\n", head)
	line("Contents: [the words](#the-words), [pieces](#pieces-of-longer-messages), [doctor](#doctor), [audit](#findings-of-an-audit),")
	b.Chapters = slices.DeleteFunc(b.Chapters, func(c Chapter) bool { return len(c.Texts) == 0 })
	for i, c := range b.Chapters {
		end := ","
		if i == len(b.Chapters)-1 {
			end = ".\n"
		}
		line("[%s](#%s)%s", strings.ToLower(c.title), anchor(c.title), end)
	}
	b.words(line)
	b.doctor(line)
	line("## Findings of an audit\n")
	line("`audit`, `verify` and `repair` name each by its number (A...), `catalog rebuild` too (R...). A number never changes its meaning. The exit code is 4, or 5 when a store could not be looked at.\n")
	line("| number | it says | what to do |\n|---|---|---|")
	for _, f := range b.Findings {
		line("| %s | %s | %s |", f[0], cell(f[1]), sentenceOf(f[2]))
	}
	line("")
	for _, c := range b.Chapters {
		c.write(line)
	}
	return strings.TrimRight(w.String(), "\n") + "\n"
}

const head = `What the screen, the log of a disc and the commands can say; when; and what to do. Look for the word in capitals first. Everything here is what the program really says:
the list is made from its code, and a test fails when it is not up to date.

- "…" stands for what is filled in: a name, a number, an id, or another message.
- A message may begin with what was being done ("record image 1 of ...: ..."). Look for its end.
- A message may end in words of the system. "permission denied": the user that runs the command may not; run it as the station's user. "no such file or directory": look at the path.
  "no space left on device": make room. "input/output error": the disk gives errors; look at the system's log. "connection refused", "timeout": the server or the network is away; try again later.
- ID is the beginning of a disc's id, DRIVE a drive as ` + "`ripstation drives`" + ` shows it, ITEM a barcode or call number.
- "As it says" means that the message itself says what to do.

Exit codes: 0 done, 1 failed or needs you, 2 usage, 3 done with sectors missing, 4 findings, 5 could not look. "-" stands for a line that decides no exit code by itself.`

func (b *Book) words(line func(string, ...any)) {
	line("## The words\n")
	line("They stand here in the order of a disc's life. On the screen the word comes first, then a text, and below, behind an arrow, what to do.\n")
	for _, w := range b.Words {
		line("### %s\n", w.Text)
		line("%s\n", w.When)
		if w.Do != "" {
			line("**What to do:** %s\n", sentenceOf(w.Do))
		}
		table(line, b.Said[w.Text])
	}
	line("## Pieces of longer messages\n")
	line("These stand in the texts of several words, in the place of a \"…\": how a disc ended, why, and what to do.\n")
	table(line, b.Pieces)
}

// table are the texts of a word. What says nothing but what its word says already
// has no row.
func table(line func(string, ...any), all []Said) {
	var rows, plain, pieces []string
	for _, s := range all {
		text, do := s.Text, s.Hint
		if r := remedyOf(s.Text); r != nil && do == "" {
			text, do = withWhen(text, r.when), r.do
		}
		bare := bare(text)
		switch {
		case bare && do == "":
		case bare:
			rows = append(rows, fmt.Sprintf("| %s | %s |", cell(withWhen(gap, hintWhen[do])), sentenceOf(do)))
		case do == "" && s.Part:
			pieces = append(pieces, "- "+cell(text))
		case do == "":
			plain = append(plain, "- "+cell(text))
		default:
			rows = append(rows, fmt.Sprintf("| %s | %s |", cell(text), sentenceOf(do)))
		}
	}
	if len(plain) > 0 {
		line("It says:\n\n%s\n", strings.Join(unique(plain), "\n"))
	}
	if len(rows) > 0 {
		line("| it says | what to do |\n|---|---|\n%s\n", strings.Join(unique(rows), "\n"))
	}
	if len(pieces) > 0 {
		line("In the place of a \"%s\" it can say:\n\n%s\n", gap, strings.Join(unique(pieces), "\n"))
	}
}

func unique(rows []string) (out []string) {
	for _, r := range rows {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func (b *Book) doctor(line func(string, ...any)) {
	line("## Doctor\n")
	line("Each line of `ripstation doctor` is ok, problem or cannot tell. A line that is ok wants nothing. Exit code 4: there is a problem; 5: something could not be told.\n")
	line("| line | state | it says | what to do |\n|---|---|---|---|")
	var rows []string // what follows the line's name
	names := map[string][]string{}
	for _, l := range b.Lines {
		do := sentenceOf(l.Do)
		if r := remedyOf(l.Text); r != nil && do == "" {
			do = r.do
		}
		switch {
		case do != "":
		case l.State == "ok":
			do = "Nothing."
		case tells(l.Text):
			do = "As it says."
		default:
			do = "The text is the system's or the store's own: see the chapters below."
		}
		row := fmt.Sprintf("%s | %s | %s |", l.State, cell(l.Text), do)
		if names[row] == nil {
			rows = append(rows, row)
		}
		if !slices.Contains(names[row], l.What) {
			names[row] = append(names[row], l.What)
		}
	}
	for _, row := range rows {
		line("| %s | %s", cell(strings.Join(names[row], ", ")), row)
	}
	line("")
}

func (c Chapter) write(line func(string, ...any)) {
	line("## %s\n", c.title)
	line("%s\n", c.intro)
	if c.do != "" {
		line("**What to do** where nothing else is said: %s\n", c.do)
	}
	var rows, rest []string
	codes := false
	for _, x := range c.Texts {
		codes = codes || x.Exit != ""
	}
	for _, x := range c.Texts {
		text, do := x.Text, c.todo(x)
		if r := remedyOf(text); r != nil {
			text = withWhen(text, r.when)
		}
		switch {
		case do == c.do && c.do != "":
			rest = append(rest, "- "+cell(text))
			continue
		case do == ".":
			do = "As it says."
		}
		row := fmt.Sprintf("| %s | %s |", cell(text), sentenceOf(do))
		if codes {
			exit := x.Exit
			if exit == "" {
				switch {
				case c.exit != "":
					exit = c.exit
				case strings.HasPrefix(x.Text, "not understood"), x.Call == "invalid":
					exit = "2"
				case x.Call == "fmt.Errorf", x.Call == "errors.New", x.Call == "no", x.Call == "Message:":
					exit = "1"
				default:
					exit = "-"
				}
			}
			row = fmt.Sprintf("| %s | %s | %s |", cell(text), exit, sentenceOf(do))
		}
		rows = append(rows, row)
	}
	switch {
	case len(rows) > 0 && codes:
		line("| it says | exit | what to do |\n|---|---|---|\n%s\n", strings.Join(rows, "\n"))
	case len(rows) > 0:
		line("| it says | what to do |\n|---|---|\n%s\n", strings.Join(rows, "\n"))
	}
	if len(rest) > 0 {
		line("%s\n", strings.Join(rest, "\n"))
	}
}

func remedyOf(text string) *remedy {
	for i := range told {
		if told[i].text == text {
			return &told[i]
		}
	}
	return nil
}

func withWhen(text, when string) string {
	if when == "" {
		return text
	}
	return text + "\x00" + when
}

func sentenceOf(do string) string { return cell(sentence(do)) }

// cell makes a text stand in a table as it is. What is behind a NUL is when it
// is said.
func cell(text string) string {
	text, when, _ := strings.Cut(text, "\x00")
	text = escapes.Replace(text)
	if when != "" {
		text += "<br>*" + escapes.Replace(when) + "*"
	}
	return text
}

var escapes = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "[", `\[`)

func anchor(title string) string {
	return strings.ReplaceAll(strings.ToLower(title), " ", "-")
}
