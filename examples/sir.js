// Approximate Bayesian computation (rejection) of an SIR epidemic: influenza in an English boarding
// school, January and February 1978.
//
//   meshd publish examples/sir.js --accept 1000 --params @examples/boarding-school.json
//
// Data: boys in bed on the 14 days from 22 January, of 763. Source: "Influenza in a boarding
// school", British Medical Journal, 4 March 1978, p. 587, a figure; these readings of it are the
// ones of De Vries et al., A Course in Mathematical Biology, SIAM 2006, chapter 9, that the R
// package `outbreaks` has as influenza_england_1978_school.
//
// Model: chain binomial in steps of dt = 1/stepsPerDay. Of S susceptible and I infected boys,
// Binomial(S, 1 − exp(−β·I/N·dt)) are infected and Binomial(I, 1 − exp(−γ·dt)) recover. The first
// count is the initial state (three infected on 22 January), the other 13 are simulated. The day's
// infected are compared with its boys in bed.
//
// Priors (per day): β ~ Normal(2, 1) and γ ~ Normal(0.4, 0.5), both cut off at 0: those of
// Grinsztajn, Semenova, Margossian and Riou, "Bayesian workflow for disease transmission modeling
// in Stan", Statistics in Medicine 40 (2021), doi:10.1002/sim.9164, for the same data.
//
// Distance: the root mean square, over the 13 days, of simulated minus observed, in boys. Accepted
// up to `tolerance`. The posterior is that of the model given a distance within the tolerance, and
// so wider than one given the data themselves.
//
// Published fits of this outbreak lie at β 1.66–1.9 and γ 0.44–0.54 per day. Among them: β = 1.66,
// 1/γ = 2.2 days (Keeling and Rohani, Modeling Infectious Diseases in Humans and Animals, 2008,
// chapter 2); β = 0.00218 · 763 = 1.66, γ = 0.44 (Murray, Mathematical Biology I, chapter 10).
//
// With the values below, seed 1978 and 600 accepted: β 1.81 (central 95 %: 1.58–2.11), γ 0.47
// (0.42–0.53); one candidate in 2,600 is accepted, for about 50 ms of one core each.

const DEFAULTS = {
  population: 763,
  inBed: [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4],
  stepsPerDay: 10,
  tolerance: 18,
  beta: { mean: 2, deviation: 1 },
  gamma: { mean: 0.4, deviation: 0.5 },
};

/** One draw from a normal distribution cut off at 0. */
function positiveNormal(rng, { mean, deviation }) {
  let draw = rng.normal(mean, deviation);
  while (draw <= 0) draw = rng.normal(mean, deviation);
  return draw;
}

export default function evaluate({ rng, params }) {
  const { population, inBed, stepsPerDay, tolerance, ...priors } = { ...DEFAULTS, ...params };
  const beta = positiveNormal(rng, priors.beta);
  const gamma = positiveNormal(rng, priors.gamma);

  const days = inBed.length - 1;
  const limit = tolerance * tolerance * days;
  const contact = beta / population / stepsPerDay;
  const recovery = 1 - Math.exp(-gamma / stepsPerDay);
  let infected = inBed[0];
  let susceptible = population - infected;
  let squares = 0;
  for (let day = 1; day <= days; day++) {
    for (let step = 0; step < stepsPerDay; step++) {
      const infections = rng.binomial(susceptible, 1 - Math.exp(-contact * infected));
      const recoveries = rng.binomial(infected, recovery);
      susceptible -= infections;
      infected += infections - recoveries;
    }
    const difference = infected - inBed[day];
    squares += difference * difference;
    if (squares > limit) return undefined; // the sum only grows: it cannot be accepted any more
  }
  return { beta, gamma, distance: Math.sqrt(squares / days) };
}
