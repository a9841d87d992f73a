// The real socket.io-client (../../api/testdata/live.cjs) as a browser far away: it
// resolves *.localhost by itself, as browsers do, and nothing else at all. The last
// argument is where the super node is.
const dns = require('node:dns');

dns.lookup = (host, options, callback) => {
  if (typeof options === 'function') [options, callback] = [{}, options];
  if (!/(^|\.)localhost$/.test(host)) return callback(new Error(`nobody looks up ${host} here`));
  if (options.all) return callback(null, [{ address: process.argv[3], family: 4 }]);
  callback(null, process.argv[3], 4);
};

require('../../api/testdata/live.cjs');
