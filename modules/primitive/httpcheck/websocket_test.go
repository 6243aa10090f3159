package httpcheck

import (
	"net/http"
	"testing"
)

// TestJudgeWebSocket: the example of RFC 6455, section 1.3.
func TestJudgeWebSocket(t *testing.T) {
	t.Parallel()
	req := &http.Request{Header: http.Header{}}
	req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	resp := &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}}
	resp.Header.Set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	if is := judgeWebSocket(req, resp); !is.AsWanted {
		t.Errorf("answer %+v", is)
	}
	resp.Header.Set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")
	if is := judgeWebSocket(req, resp); is.AsWanted {
		t.Errorf("answer %+v", is)
	}
}
