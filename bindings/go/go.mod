module kandinsky

go 1.19
