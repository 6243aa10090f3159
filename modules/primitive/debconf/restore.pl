# Recreates questions whose templates exist: config.dat was lost or restored, templates.dat was not. debconf-set-selections
# creates both or neither (debconf 1.5.82 and 1.5.91), and would fail each time. Reads lines "OWNER QUESTION TYPE ...".
use Debconf::Db;
use Debconf::Template;
Debconf::Db->load;
while (<STDIN>) {
	my ($owner, $question, $type) = split;
	Debconf::Template->new($question, $owner, $type);
}
Debconf::Db->save;
