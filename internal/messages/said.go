package messages

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// tells holds for a text that says what to do next.
func tells(text string) bool {
	return strings.Contains(text, "`ripstation") || command.MatchString(text) || next.MatchString(text)
}

var (
	command = regexp.MustCompile(`ripstation [a-z]+ (ID|[A-Z]{3,}|…|--|open|close|report)`)
	next    = regexp.MustCompile(`(^|; |: |, | \(|\. |, or |\? )(then |first |please )?(put|say|try|run|start|wait|name|mend|give|write it|set|use|see|make room|take|look|choose|join|move|switch|check|clean|end|scan|stop|turn|keep|find|plug|press|open|close|add|leave|ask|look|restart|compare|import|export|plug|mount|unmount|repair|unplug|power|do|find|end|correct)\b`)
)

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if text[0] < utf8.RuneSelf && !strings.HasPrefix(text, "ripstation") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if !strings.ContainsAny(text[len(text)-1:], ".?!:") {
		text += "."
	}
	return text
}
