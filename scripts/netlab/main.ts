// A network of machines on this one, to try things by hand: node scripts/netlab/main.ts up
import { Lab, listLabs, takeDown } from './lab.ts';
import { hasOwner } from './owner.ts';
import { whyNoLab } from './permission.ts';
import { pictureOf } from './picture.ts';

const USAGE = `node scripts/netlab/main.ts up            make a lab, and say how to use it
node scripts/netlab/main.ts list          the labs that are there
node scripts/netlab/main.ts down [NAME]   remove that lab, or all that \`up\` made`;

async function up(): Promise<void> {
  const lab = await Lab.keep();
  try {
    await furnish(lab);
  } catch (error) {
    await lab.close();
    throw error;
  }
  const [host] = lab.hosts;
  const { namespace, device } = host?.link.port ?? {};
  console.log(`${pictureOf(lab)}

A shell on a machine:   ip netns exec ${host?.namespace.name} bash
Its cable out:          ip -n ${namespace?.name} link set ${device} down
and in again:           ip -n ${namespace?.name} link set ${device} up
The end of it all:      node scripts/netlab/main.ts down ${lab.name}`);
}

/** What most networks of people look like: servers, an office, a home, and a strict firewall. */
async function furnish(lab: Lab): Promise<void> {
  await lab.host('alice');
  await lab.host('bob');
  const office = await lab.nat('office');
  for (const name of ['desk1', 'desk2']) await lab.host(name, office.inside);
  await lab.host('laptop', (await lab.nat('home')).inside);
  await lab.host('node1', (await lab.nat('cluster', { onlyPorts: [443] })).inside);
}

async function list(): Promise<void> {
  for (const { name, namespaces } of await listLabs()) {
    const owner = hasOwner(name) ? '' : '   (its process is gone)';
    console.log(`${name}${owner}`);
    for (const namespace of namespaces) console.log(`  ${namespace}`);
  }
}

async function down(name: string | undefined): Promise<void> {
  const labs = (await listLabs()).filter((lab) =>
    name === undefined ? lab.name.includes('-kept-') || !hasOwner(lab.name) : lab.name === name,
  );
  if (name !== undefined && labs.length === 0) throw new Error(`no lab ${name}: see \`list\``);
  for (const lab of labs) {
    await takeDown(lab);
    console.log(`removed ${lab.name}`);
  }
}

const [verb, name] = process.argv.slice(2);
const why = await whyNoLab();
try {
  if (why !== null) throw new Error(why);
  if (verb === 'up') await up();
  else if (verb === 'list') await list();
  else if (verb === 'down') await down(name);
  else throw new Error(USAGE);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
