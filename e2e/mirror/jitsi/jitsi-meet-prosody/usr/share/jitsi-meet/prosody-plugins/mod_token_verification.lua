-- Lets only the focus enter a room that the session's token is not for.
local jid_bare, jid_node = require "util.jid".bare, require "util.jid".node;
local st = require "util.stanza";

local base = module:get_option_string("muc_mapper_domain_base");
local admins = module:get_option_set("admins", {});

local function allowed(session, room)
	local for_room, for_domain = session.jitsi_meet_room, session.jitsi_meet_domain;
	return (for_room == "*" or for_room and for_room:lower() == room)
		and (for_domain == "*" or for_domain and for_domain:lower() == base);
end

local function check(event)
	local origin, stanza = event.origin, event.stanza;
	if admins:contains(jid_bare(stanza.attr.from)) then return; end
	if not allowed(origin, jid_node(stanza.attr.to)) then
		origin.send(st.error_reply(stanza, "cancel", "not-allowed", "The token is for another room"));
		return true;
	end
end

module:hook("muc-room-pre-create", check, 99);
module:hook("muc-occupant-pre-join", check, 99);
