// Verifies messages with mailauth. Takes {records, files} as JSON on standard input; prints "DOMAIN SELECTOR" of every
// signature that is good, one message a line. The key records come from a resolver that knows nothing else: no DNS is
// asked. Only its DKIM half is loaded, for the rest of it wants a newer Node than Debian 12 has.
'use strict';
const fs = require('fs');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const order = JSON.parse(fs.readFileSync(0, 'utf8'));
const resolver = async (name, type) => {
  const record = order.records[name];
  if (type !== 'TXT' || record === undefined) {
    throw Object.assign(new Error(`${name} is not there`), { code: 'ENOTFOUND' });
  }
  return [record.match(/.{1,255}/g)];
};

(async () => {
  for (const file of order.files) {
    const { results } = await dkimVerify(fs.readFileSync(file), { resolver });
    const good = results.filter((one) => one.status.result === 'pass');
    console.log(good.map((one) => `${one.signingDomain} ${one.selector}`).join(' '));
  }
})();
