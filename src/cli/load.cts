// Node 22 and later: the entry file itself may not contain import().
import('./main.js').then(
  (program) => program.main(),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
