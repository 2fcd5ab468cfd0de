// Drives the vendor's client for Node: `node client.js PORT '[["sale", 15000, "AB12", true], ...]'`, one JSON line per step.
// A step that ends in `true` is a sale with status messages; they come in its line. PORT "-" writes each command's bytes instead.
const { POSIntegrado } = require("transbank-pos-sdk");

const plain = (value) => (value === undefined ? null : value);

async function call(pos, [name, ...given]) {
  const statuses = [];
  try {
    const withStatus = name === "sale" && given[given.length - 1] === true;
    const result = await pos[name](...given, ...(withStatus ? [(status) => statuses.push(status)] : []));
    return { name, result: plain(result), statuses };
  } catch (error) {
    return { name, error: error.message, statuses };
  }
}

async function atPort(port, steps) {
  const pos = new POSIntegrado();
  pos.posTimeout = 10000;
  await pos.connect(port);
  for (const step of steps) console.log(JSON.stringify(await call(pos, step)));
  await pos.disconnect();
}

function onPaper(steps) {
  for (const [name, ...given] of steps) {
    const pos = new POSIntegrado();
    pos.connected = true;
    pos.port = { write: (bytes) => console.log(JSON.stringify({ name, given, wire: Buffer.from(bytes).toString("hex") })) };
    pos[name](...given).catch(() => {});
  }
  process.exit(0); // its time-outs still wait for an answer
}

const [port, steps] = [process.argv[2], JSON.parse(process.argv[3])];
if (port === "-") onPaper(steps);
else
  atPort(port, steps).then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
