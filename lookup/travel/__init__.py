"""How releases travel: from the folder where they are built, through an object store, to the disks of serving hosts."""
