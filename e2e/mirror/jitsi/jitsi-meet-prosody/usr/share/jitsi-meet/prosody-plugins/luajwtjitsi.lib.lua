-- Reads JSON Web Tokens (RFC 7519) signed with HS256.
local basexx = require "basexx";
local json = require "cjson.safe";
local hmac = require "openssl.hmac";

local jwt = {};

-- decode returns the claims of a token, or nil and the reason.
function jwt.decode(token, secret)
	local header64, claims64, signature64 = token:match("^([^.]+)%.([^.]+)%.([^.]+)$");
	if not header64 then return nil, "it has not three parts"; end
	local header = json.decode(basexx.from_url64(header64));
	local claims = json.decode(basexx.from_url64(claims64));
	if type(header) ~= "table" or type(claims) ~= "table" then return nil, "it is not JSON"; end
	if header.alg ~= "HS256" then return nil, "it is not signed with HS256"; end
	if hmac.new(secret, "sha256"):final(header64.."."..claims64) ~= basexx.from_url64(signature64) then
		return nil, "its signature is wrong";
	end
	if claims.exp and (type(claims.exp) ~= "number" or os.time() >= claims.exp) then return nil, "it has expired"; end
	if claims.nbf and (type(claims.nbf) ~= "number" or os.time() < claims.nbf) then return nil, "it is not yet valid"; end
	return claims;
end

return jwt;
