// Not pure: its value is the moment of its evaluation.
export default () => performance.now();
