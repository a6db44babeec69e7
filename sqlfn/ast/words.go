package ast

import "strings"

// reserved are the words that name a column, stream or alias only in
// backticks.
var reserved = words(`SELECT AS FROM WHERE AND OR GROUP HAVING ORDER BY DESC ASC FILTER INNER LEFT RIGHT FULL
	CROSS JOIN ON CASE WHEN THEN ELSE END IN NOT BETWEEN LIKE OVER PARTITION EXCEPT REPLACE INVISIBLE LIMIT
	TRUE FALSE DD HH MI SS MS`)

// soft are words that are names in most places and keywords in some; printing
// quotes them so that the place never matters.
var soft = words("DISTINCT IS NULL WINDOW")

func words(text string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(text) {
		m[w] = true
	}
	return m
}

// Reserved returns the keyword in upper case if word is reserved in any case,
// else "".
func Reserved(word string) string {
	if len(word) > len("PARTITION") {
		return ""
	}
	if up := strings.ToUpper(word); reserved[up] {
		return up
	}
	return ""
}

// IsTimeUnit tells whether an upper-case word is a unit of window lengths.
func IsTimeUnit(word string) bool {
	switch word {
	case "DD", "HH", "MI", "SS", "MS":
		return true
	}
	return false
}

// QuoteName returns a name as it must be written in SQL: in backticks if it is
// reserved or not made of letters, digits and underscores.
func QuoteName(name string) string {
	if plainName(name) && Reserved(name) == "" && !soft[strings.ToUpper(name)] {
		return name
	}
	return "`" + name + "`"
}

func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}
