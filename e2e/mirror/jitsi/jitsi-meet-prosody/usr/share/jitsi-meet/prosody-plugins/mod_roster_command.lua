-- prosodyctl mod_roster_command subscribe CONTACT ACCOUNT: the contact sees when the account is online. As the original, it notes
-- a request and then grants it; a component has no roster of its own; it works without prosody.
prosody.bare_sessions = prosody.bare_sessions or {};
bare_sessions = bare_sessions or prosody.bare_sessions;

local rosters = require "core.rostermanager";
local split = require "util.jid".split;

function module.command(arg)
	local user, host = split(arg[3]);
	if arg[1] ~= "subscribe" or not user then return 1; end
	if not prosody.hosts[host] then
		print("The host '"..host.."' is not configured for this server.");
		return 0; -- as the original
	end
	require "core.storagemanager".initialize_host(host);
	require "core.usermanager".initialize_host(host);
	rosters.set_contact_pending_in(user, host, arg[2]);
	rosters.subscribed(user, host, arg[2]);
	return 0;
end
