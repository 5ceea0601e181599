// Value generation of a column: 0*x, 1*x ... 7*x of a BF16 input by repeated addition, one a cycle,
// each rounded to BF16 (0*x is +0); or, for nonlinear operations, the entries of the LUT as they come.
module value_generation (
    input         clk,
    input         begin_window, // the column's next cycle is count 0 of a window
    input         nonlinear,    // of that window
    input [15:0]  head,         // of the column's input FIFO
    output [15:0] column
);
    reg         from_lut;
    reg [15:0]  x, multiple;
    wire [15:0] sum;

    bf16_adder adder (.a(multiple), .b(x), .sum(sum));

    assign column = from_lut ? head : multiple;

    always @(posedge clk)
        if (begin_window) begin
            from_lut <= nonlinear;
            x <= head;
            multiple <= 16'd0;
        end else if (~from_lut) multiple <= sum;
endmodule
