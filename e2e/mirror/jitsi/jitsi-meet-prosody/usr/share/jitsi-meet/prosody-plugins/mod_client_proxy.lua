-- The component that people ask for a conference. The original passes on what they ask to the focus, once it sees that the focus
-- is online, for which it must be in its roster; here nobody asks.
module:depends("disco");
