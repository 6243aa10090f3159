package main

import (
	"context"
	"log"
	"net"
	"net/http"

	"mellium.im/xmpp/jid"
)

// runVideobridge runs the bridge until ctx ends. As with the original, its health doesn't depend on XMPP.
func runVideobridge(ctx context.Context, config configuration, t *trust) error {
	media, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", ":"+config.text("ice.udp.port", "10000"))
	if err != nil {
		log.Printf("WARNING: no media: %v", err)
	} else {
		context.AfterFunc(ctx, func() { _ = media.Close() })
	}
	shards := config.object("apis.xmpp-client.configs")
	for name := range shards {
		log.Printf("INFO: XMPP shard %s", name)
		shard := shards.object(name)
		nick := shard.text("MUC_NICKNAME", "jvb")
		a := account{
			address:  net.JoinHostPort(shard.text("HOSTNAME", ""), shard.text("PORT", "5222")),
			domain:   shard.text("DOMAIN", ""),
			user:     shard.text("USERNAME", ""),
			secret:   shard.text("PASSWORD", ""),
			resource: nick,
		}
		room, err := jid.Parse(shard.text("MUC_JIDS", ""))
		if err != nil {
			return configurationError{err}
		}
		me, err := room.WithResource(nick)
		if err != nil {
			return configurationError{err}
		}
		go keepLoggedIn(ctx, a, t, func(occupant) {}, func(ctx context.Context, c *client) error {
			if err := c.join(ctx, me, &bridgeStats{[]stat{{"version", version}, {"stress_level", "0.0"}}}); err != nil {
				return err
			}
			log.Printf("INFO: joined %s", me)
			<-ctx.Done()
			return nil
		})
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /about/health", func(http.ResponseWriter, *http.Request) {})
	routes.HandleFunc("GET /about/version", serveVersion("JVB", version))
	const private = "http-servers.private."
	return serve(ctx, net.JoinHostPort(config.text(private+"host", "127.0.0.1"), config.text(private+"port", "8080")), routes)
}

// version is the version that both services report.
const version = "2.3-lab"
