'use strict';
// Entry of the bundle. As in Meteor's bundles the server runs in its own directory.
process.chdir(require('node:path').join(__dirname, 'programs', 'server'));
require('./programs/server/boot.js');
