/**
 * Version of the rows of a checkpoint and of what `apply` makes of an entry. A replica refuses rows of a newer version: it
 * would compute another state than its peers. Raised together with a migration in the loader.
 */
export const machineVersion = 1;
