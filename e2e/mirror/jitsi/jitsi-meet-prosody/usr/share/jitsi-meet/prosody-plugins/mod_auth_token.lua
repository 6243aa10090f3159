-- Lets in whoever has a valid token in the URL of the BOSH or websocket session, by SASL ANONYMOUS.
local formdecode = require "util.http".formdecode;
local generate_uuid = require "util.uuid".generate;
local sasl = require "util.sasl";

local tokens = module:require "token/util".new(module);
if not tokens then return; end

local function take_token(event)
	local query = event.request.url.query;
	if query then event.session.auth_token = formdecode(query).token; end
end
module:hook_global("bosh-session", take_token);
module:hook_global("websocket-session", take_token);

local provider = {};

function provider.test_password() return nil, "not supported"; end
function provider.get_password() return nil; end
function provider.set_password() return nil, "not supported"; end
function provider.user_exists() return nil; end
function provider.create_user() return nil, "not supported"; end
function provider.delete_user() return nil, "not supported"; end

function provider.get_sasl_handler(session)
	return sasl.new(module.host, { anonymous = function () return tokens:verify_session(session); end });
end

module:provides("auth", provider);

-- Prosody's own mechanism asks again until the answer is yes.
sasl.registerMechanism("ANONYMOUS", { "anonymous" }, function (self)
	local username = generate_uuid();
	local ok, message = self.profile.anonymous(self, username, self.realm);
	if not ok then return "failure", "not-allowed", message; end
	self.username = username;
	return "success";
end);
