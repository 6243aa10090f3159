-- Checks tokens. Debian doesn't have the first two libraries for Lua 5.4: the module that requires this one doesn't load
-- then, and nobody gets in.
local basexx = require "basexx"; -- luacheck: ignore 211/basexx
local inspect = require "inspect";
local jwt = module:require "luajwtjitsi";

local Util = {};
Util.__index = Util;

-- new reads the settings; it returns nil if one is missing.
function Util.new(module)
	local self = setmetatable({}, Util);
	self.app_id = module:get_option_string("app_id");
	self.app_secret = module:get_option_string("app_secret");
	self.allow_empty_token = module:get_option_boolean("allow_empty_token", false);
	if not self.app_id or not self.app_secret then
		module:log("error", "app_id and app_secret are needed");
		return nil;
	end
	self.issuers = module:get_option_array("asap_accepted_issuers", { self.app_id });
	self.audiences = module:get_option_array("asap_accepted_audiences", { "*" });
	self.require_room = module:get_option_boolean("asap_require_room_claim", true);
	return self;
end

local function contains(list, wanted)
	for _, item in ipairs(list) do
		if item == "*" or item == wanted then return true; end
	end
	return false;
end

-- verify returns the claims of a token, or nil and the reason.
function Util:verify(token)
	local claims, problem = jwt.decode(token, self.app_secret);
	if not claims then return nil, problem; end
	module:log("debug", "claims: %s", inspect(claims));
	if not contains(self.issuers, claims.iss) then return nil, "its issuer is not accepted"; end
	if claims.aud == nil then return nil, "it has no audience"; end
	if not contains(self.audiences, claims.aud) then return nil, "its audience is not accepted"; end
	if self.require_room and claims.room == nil then return nil, "it names no room"; end
	return claims;
end

-- verify_session returns true, or false and the reason; it keeps the token's room and domain in the session.
function Util:verify_session(session)
	if not session.auth_token then
		if self.allow_empty_token then return true; end
		return false, "there is no token";
	end
	local claims, problem = self:verify(session.auth_token);
	if not claims then
		module:log("warn", "token refused: %s", problem);
		return false, problem;
	end
	session.jitsi_meet_room, session.jitsi_meet_domain = claims.room, claims.sub;
	return true;
end

return Util;
