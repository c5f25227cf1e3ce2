// Sends one message with nodemailer. Takes {port, from, to, raw} as JSON on standard input, raw one character an octet.
'use strict';
const nodemailer = require('nodemailer');

const order = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const transport = nodemailer.createTransport({
  host: '127.0.0.1',
  port: order.port,
  secure: false,
  ignoreTLS: true,
  name: 'mailer.brand.example',
});
transport.sendMail({
  envelope: { from: order.from, to: [order.to] },
  raw: Buffer.from(order.raw, 'latin1'),
}).then((info) => {
  console.log(info.response);
}, (error) => {
  console.log(error.response || error.message);
  process.exitCode = 1;
});
