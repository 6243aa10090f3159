package dnsname

import (
	"strings"
	"testing"
)

func TestLowercase(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3) + strings.Repeat("a", 61)
	for s, want := range map[string]bool{
		"a": true, "chat.example.com": true, "x-1.example": true, "10.0.0.5": true, label: true, long: true,
		"": false, "Chat.example.com": false, "-a": false, "a-.b": false, "a..b": false, "a_b": false, "a.": false, "*.a": false,
		label + "a": false, long + "a": false, "x." + label + "a.com": false,
	} {
		if got := Lowercase(s); got != want {
			t.Errorf("Lowercase(%q) = %v", s, got)
		}
	}
}

func TestHasPort(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"a:1": true, "[::1]:65535": true, "a:0": false, "a:65536": false, "a": false, "a:99999999999999999999": false} {
		if got := HasPort(s); got != want {
			t.Errorf("HasPort(%q) = %v", s, got)
		}
	}
}
